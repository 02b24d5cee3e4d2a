// hearth logits: what a model makes of every position of a file, as raw numbers.
//
// Contract: little-endian float32 [positions, vocabulary]. The output appears whole or not at all (temporary file, rename);
// a device or pipe is written directly. The same bytes for every chunk, thread count and instruction set.
// Not here: comparing them.
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/atomic_file.h"
#include "base/os_error.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/engine_options.h"
#include "cli/exit.h"
#include "cli/input.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "engine/prompt.h"

namespace hearth::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "logits are written as they lie in memory");

constexpr int64_t kPiece = 256;  // positions between two looks at Ctrl-C and the disk
constexpr int64_t kDetour = 5;   // tokens by which the session that shares its prefix runs ahead of the one that continues

struct LogitsOptions {
  EngineOptions engine;
  std::string file, output;
  bool tokens = false, quiet = false;
  int chunk = 0;
  int64_t shared_prefix = 0;
};

// The place the numbers go to.
class Output {
 public:
  static Result<Output> open(const std::string& path) {
    Output output;
    output.path_ = path;
    struct stat status {};
    if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
      if (S_ISDIR(status.st_mode)) {
        return Error{ErrorCode::kInvalidArgument, printable(path) + " is a folder; name a file to write"};
      }
      output.file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      if (!output.file_.valid()) return os_error(errno, "cannot open " + printable(path));
      return output;
    }
    output.temporary_ = path + ".XXXXXX";
    output.file_ = FileDescriptor(mkostemp(output.temporary_.data(), O_CLOEXEC));
    if (!output.file_.valid()) {
      output.temporary_.clear();
      return os_error(errno, "cannot create " + printable(path));
    }
    return output;
  }
  Output(Output&& other) noexcept
      : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})), file_(std::move(other.file_)) {}
  ~Output() {
    if (!temporary_.empty()) unlink(temporary_.c_str());
  }

  Result<void> write(std::span<const float> values) {
    return write_all(file_.get(), {reinterpret_cast<const char*>(values.data()), values.size_bytes()}, path_);
  }

  Result<void> commit() {
    if (temporary_.empty()) return {};
    if (fchmod(file_.get(), 0644) != 0) return os_error(errno, "cannot set the mode of " + temporary_);
    TRY(commit_file(file_.get(), temporary_, path_));
    temporary_.clear();
    return {};
  }

 private:
  Output() = default;
  std::string path_, temporary_;  // temporary_ is empty if there is nothing to rename or remove
  FileDescriptor file_;
};

Result<std::vector<int32_t>> read_tokens(const LogitsOptions& options, const Engine& engine) {
  const std::string text = TRY(read_text_file(options.file));
  std::vector<int32_t> tokens =
      options.tokens ? TRY(parse_token_ids(text, engine.info().vocabulary)) : text_prompt(engine, text);
  if (tokens.empty()) {
    return Error{ErrorCode::kInvalidArgument, printable(options.file) + " holds no tokens; there is nothing to run"};
  }
  return tokens;
}

// Where the numbers go and how far they have got.
struct Sink {
  Output output;
  ReadingLine& reading;
  ProgressBar bar;
  uint64_t row_bytes, total_bytes, done_bytes = 0;
};

Result<void> write_logits(const LogitsOptions& options, Session& session, std::span<const int32_t> tokens, Sink& sink) {
  const auto count = static_cast<int64_t>(tokens.size());
  const int64_t piece = options.chunk > 0 ? options.chunk * std::max<int64_t>(1, kPiece / options.chunk) : kPiece;
  Result<void> written;
  for (int64_t done = 0; done < count;) {
    if (interrupt_flag()->load()) return Error{ErrorCode::kCancelled, "interrupted; " + options.output + " was not written"};
    const int64_t now = std::min(piece, count - done);
    TRY(session.append_all_logits(
        tokens.subspan(static_cast<size_t>(done), static_cast<size_t>(now)),
        [&](int64_t, std::span<const float> logits) {
          if (written.ok()) written = sink.output.write(logits);
        },
        options.chunk));
    if (!written.ok()) return written.error();
    done += now;
    sink.reading.finish();
    sink.done_bytes += static_cast<uint64_t>(now) * sink.row_bytes;
    sink.bar.update("running", sink.done_bytes, sink.total_bytes);
  }
  return {};
}

// The rest in a second session that shares the first one's prefix. The first then goes its own way, so that pages are
// both read together and copied.
Result<void> write_forked(const LogitsOptions& options, Session& session, std::span<const int32_t> tokens, Sink& sink) {
  const auto prefix = static_cast<size_t>(options.shared_prefix);
  TRY(write_logits(options, session, tokens.first(prefix), sink));
  const std::unique_ptr<Session> fork = TRY(session.fork(options.shared_prefix));
  TRY(session.append(tokens.first(std::min({prefix, tokens.size() - prefix, static_cast<size_t>(kDetour)})), options.chunk));
  return write_logits(options, *fork, tokens.subspan(prefix), sink);
}

Result<void> write_all_logits(const LogitsOptions& options, Session& session, std::span<const int32_t> tokens,
                              const LoadedModel& model) {
  const uint64_t row_bytes = static_cast<uint64_t>(model.engine->info().vocabulary) * sizeof(float);
  Sink sink{TRY(Output::open(options.output)), *model.reading,
            ProgressBar("logits", options.quiet ? ProgressBar::Mode::kQuiet : ProgressBar::Mode::kAutomatic), row_bytes,
            row_bytes * tokens.size()};
  TRY(options.shared_prefix > 0 ? write_forked(options, session, tokens, sink)
                                : write_logits(options, session, tokens, sink));
  return sink.output.commit();
}

Result<void> check_counts(const LogitsOptions& options, int64_t count, int64_t context) {
  if (count > context) {
    return Error{ErrorCode::kContextFull, printable(options.file) + " has " + std::to_string(count) +
                                              " tokens and the context holds " + std::to_string(context) +
                                              ": give a shorter file or a larger context (--ctx)"};
  }
  if (options.shared_prefix >= count) {
    return Error{ErrorCode::kInvalidArgument, "--shared-prefix " + std::to_string(options.shared_prefix) +
                                                  " must be less than the " + std::to_string(count) + " tokens of " +
                                                  printable(options.file)};
  }
  return {};
}

Result<void> logits(const LogitsOptions& options) {
  catch_interrupts();
  const LoadedModel model = TRY(load_model(options.engine, options.quiet));
  const std::vector<int32_t> tokens = TRY(read_tokens(options, *model.engine));
  const std::unique_ptr<Session> session = TRY(model.engine->new_session());
  const auto count = static_cast<int64_t>(tokens.size());
  TRY(check_counts(options, count, session->context()));
  TRY(write_all_logits(options, *session, tokens, model));
  if (!options.quiet) {
    std::fprintf(stderr, "%s: %lld positions x %lld values, %s\n", printable(options.output).c_str(),
                 static_cast<long long>(count), static_cast<long long>(model.engine->info().vocabulary),
                 format_bytes(static_cast<uint64_t>(count * model.engine->info().vocabulary) * sizeof(float)).c_str());
  }
  return {};
}

}  // namespace

void add_logits(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App* verb = app.add_subcommand("logits", "Write a model's logits for every position of a file");
  verb->add_option("MODEL", options->engine.model, "A name from 'hearth list' or a .gguf file")->required()->type_name("");
  verb->add_option("FILE", options->file, "Text, or token ids with --tokens")->required()->type_name("");
  verb->add_option("-o,--output", options->output, "Where the numbers go: little-endian float32 [positions, vocabulary]")
      ->required()
      ->type_name("OUT");
  verb->add_flag("--tokens", options->tokens, "FILE holds token ids separated by white space; nothing is added to them");
  verb->add_option("--chunk", options->chunk, "Tokens per step; 0: the engine's choice. Does not change the numbers")
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  verb->add_option("--shared-prefix", options->shared_prefix,
                   "Run the first N tokens in one session and the rest in a second that shares them. Does not change the numbers")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->type_name("N");
  add_engine_options(verb, &options->engine, /*with_context=*/true);
  add_adapter_option(verb, &options->engine);
  verb->add_flag("-q,--quiet", options->quiet, "Print nothing but errors");
  verb->footer(
      "A text gets the model's start token first, if the model wants one.\n\n"
      "Examples:\n"
      "  hearth logits smollm2:135m page.txt -o page.f32\n"
      "  echo 1 504 2375 | tee ids.txt; hearth logits smollm2:135m ids.txt --tokens -o ids.f32\n"
      "  hearth logits smollm2:135m page.txt -o ref.f32 --isa ref --chunk 17 --threads 1   the same bytes");
  verb->callback([options, exit_code] {
    options->engine.max_sessions = options->shared_prefix > 0 ? 2 : 1;
    const Result<void> done = logits(*options);
    *exit_code = done.ok() ? kExitDone : report(done.error());
  });
}

}  // namespace hearth::cli
