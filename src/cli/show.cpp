// hearth show: what a model is, read from its file and the record of its pull.
//
// Contract: needs the header of the file only; weights are not read, except to hash a file that no pull has verified.
// Not here: what a run of it needs (cli/plan.cpp).
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "CLI/CLI.hpp"
#include "base/os_error.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/models.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "gguf/view.h"
#include "library/digest.h"
#include "library/library.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

struct ShowOptions {
  std::string model;
  bool json = false;
  bool template_only = false;
  bool licence_only = false;
  bool verbose = false;
};

struct Facts {
  library::Installed model;
  std::string architecture, general_name, quantisation, chat_template, tokenizer;
  uint64_t parameters = 0, context = 0, embedding = 0, layers = 0, heads = 0, kv_heads = 0, vocabulary = 0;
};

// general.file_type as the writers of these files number it.
std::string label_of_file_type(uint64_t number) {
  static const std::map<uint64_t, std::string> kLabels = {
      {0, "F32"},     {1, "F16"},     {2, "Q4_0"},    {3, "Q4_1"},    {7, "Q8_0"},    {8, "Q5_0"},    {9, "Q5_1"},
      {10, "Q2_K"},   {11, "Q3_K_S"}, {12, "Q3_K_M"}, {13, "Q3_K_L"}, {14, "Q4_K_S"}, {15, "Q4_K_M"}, {16, "Q5_K_S"},
      {17, "Q5_K_M"}, {18, "Q6_K"},   {21, "Q2_K_S"}, {25, "IQ4_NL"}, {30, "IQ4_XS"}, {32, "BF16"}};
  const auto found = kLabels.find(number);
  return found != kLabels.end() ? found->second : "";
}

// The label that the file states, else the format that most values have.
std::string quantisation_of(const gguf::View& view) {
  const std::string stated = label_of_file_type(view.get_u64("general.file_type").value_or(UINT64_MAX));
  if (!stated.empty()) return stated;
  std::map<std::string, uint64_t> values;
  for (const gguf::TensorInfo& tensor : view.tensors()) {
    values[std::string(quant::traits(tensor.format).name)] += tensor.value_count;
  }
  std::string most;
  for (const auto& [name, count] : values) {
    if (most.empty() || count > values[most]) most = name;
  }
  return most;
}

Facts read_facts(const gguf::View& view, library::Installed model) {
  Facts facts;
  facts.architecture = view.get_string("general.architecture").value_or("unknown");
  facts.general_name = view.get_string("general.name").value_or("");
  facts.quantisation = quantisation_of(view);
  facts.chat_template = view.get_string("tokenizer.chat_template").value_or("");
  facts.tokenizer = view.get_string("tokenizer.ggml.model").value_or("");
  const auto number = [&](const char* key) { return view.get_u64(facts.architecture + "." + key).value_or(0); };
  facts.context = number("context_length");
  facts.embedding = number("embedding_length");
  facts.layers = number("block_count");
  facts.heads = number("attention.head_count");
  facts.kv_heads = number("attention.head_count_kv");
  const Result<gguf::StringArray> tokens = view.get_strings("tokenizer.ggml.tokens");
  if (tokens.ok()) facts.vocabulary = tokens->size();
  for (const gguf::TensorInfo& tensor : view.tensors()) facts.parameters += tensor.value_count;
  if (model.licence.empty()) {
    model.licence = view.get_string("general.license").value_or("not stated in the file");
    model.licence_class = "unknown";
    model.licence_url = view.get_string("general.license.link").value_or("");
  }
  facts.model = std::move(model);
  facts.model.bytes = view.file_bytes();
  return facts;
}

// The digest of a file that no pull has verified; nothing for a model in several files.
Result<std::string> digest_of_file(const gguf::View& view, bool quiet) {
  if (view.paths().size() != 1) return std::string();
  const std::string& path = view.paths()[0];
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return os_error(errno, "cannot open " + path);
  catch_interrupts();
  ProgressBar bar("", quiet || !stderr_is_terminal() ? ProgressBar::Mode::kQuiet : ProgressBar::Mode::kAutomatic);
  library::Sha256 hash;
  TRY(library::hash_file(file.get(), path, view.file_bytes(), &hash,
                         [&](uint64_t done) { bar.update("computing the digest", done, view.file_bytes()); }, interrupt_flag()));
  return library::to_hex(hash.digest());
}

nlohmann::ordered_json metadata_json(const gguf::View& view) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& key : view.keys()) object[std::string(key.key)] = view.describe(key.key);
  return object;
}

void print_json(const Facts& facts, const gguf::View& view, bool verbose) {
  const library::Installed& model = facts.model;
  nlohmann::ordered_json out = {{"name", model.name},
                                {"path", model.path},
                                {"bytes", model.bytes},
                                {"sha256", model.sha256},
                                {"in_place", model.in_place},
                                {"architecture", facts.architecture},
                                {"general_name", facts.general_name},
                                {"quantisation", facts.quantisation},
                                {"parameters", facts.parameters},
                                {"context", facts.context},
                                {"embedding", facts.embedding},
                                {"layers", facts.layers},
                                {"heads", facts.heads},
                                {"kv_heads", facts.kv_heads},
                                {"vocabulary", facts.vocabulary},
                                {"tokenizer", facts.tokenizer},
                                {"licence", model.licence},
                                {"licence_class", model.licence_class},
                                {"licence_url", model.licence_url},
                                {"licence_note", model.licence_note},
                                {"template", facts.chat_template}};
  if (verbose) out["metadata"] = metadata_json(view);
  std::printf("%s\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void print_licence(const library::Installed& model) {
  std::printf("%s (%s)\n", printable(model.licence).c_str(), printable(model.licence_class).c_str());
  if (!model.licence_url.empty()) std::printf("text: %s\n", printable(model.licence_url).c_str());
  if (!model.licence_note.empty()) std::printf("%s\n", printable_lines(model.licence_note).c_str());
}

void print_metadata(const gguf::View& view) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& key : view.keys()) fields.emplace_back(printable(key.key), printable(view.describe(key.key)));
  std::printf("\nmetadata (%zu keys)\n%s", fields.size(), format_fields(fields).c_str());
  std::vector<std::vector<std::string>> rows = {{"TENSOR", "FORMAT", "SHAPE", "SIZE"}};
  for (const gguf::TensorInfo& tensor : view.tensors()) {
    std::string shape;
    for (int i = 0; i < tensor.dim_count; ++i) shape += (i > 0 ? " x " : "") + std::to_string(tensor.dims[i]);
    rows.push_back({printable(tensor.name), std::string(quant::traits(tensor.format).name), shape, format_bytes(tensor.bytes)});
  }
  std::printf("\n%s", format_table(rows).c_str());
}

void print_facts(const Facts& facts) {
  const library::Installed& model = facts.model;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"name", printable(model.name)},
      {"architecture", printable(facts.architecture)},
      {"parameters", format_count(facts.parameters)},
      {"quantisation", facts.quantisation},
      {"context", facts.context > 0 ? std::to_string(facts.context) + " tokens" : "not stated"},
      {"layers", std::to_string(facts.layers) + ", width " + std::to_string(facts.embedding)},
      {"vocabulary", std::to_string(facts.vocabulary) + " tokens (" + printable(facts.tokenizer) + ")"},
      {"template", facts.chat_template.empty() ? "none: completes text" : std::to_string(facts.chat_template.size()) + " bytes (--template prints it)"},
      {"licence", printable(model.licence + " (" + model.licence_class + ")")},
      {"size", format_bytes(model.bytes)},
      {"sha256", model.sha256.empty() ? "of each file: several files" : model.sha256},
      {"path", printable(model.path, 4096)},
  };
  if (!facts.general_name.empty()) fields.insert(fields.begin() + 1, {"calls itself", printable(facts.general_name)});
  if (!model.licence_url.empty()) fields.insert(fields.end() - 3, {"licence text", printable(model.licence_url)});
  std::fputs(format_fields(fields).c_str(), stdout);
  if (!model.licence_note.empty()) std::printf("\n%s\n", printable_lines(model.licence_note).c_str());
}

// A file that changes a model instead of being one.
struct AdapterFacts {
  std::string kind, architecture, general_name, task_name, prompt_prefix;
  double alpha = 0;
  uint64_t pairs = 0, rank = 0, values = 0;
};

AdapterFacts read_adapter_facts(const gguf::View& view) {
  const auto text = [&](const char* key) { return std::string(view.get_string(key).value_or("")); };
  AdapterFacts facts{text("adapter.type"), text("general.architecture"), text("general.name"), text("adapter.lora.task_name"),
                     text("adapter.lora.prompt_prefix"), view.get_f64("adapter.lora.alpha").value_or(0)};
  for (const gguf::TensorInfo& tensor : view.tensors()) {
    facts.values += tensor.value_count;
    if (!tensor.name.ends_with(".lora_b")) continue;
    ++facts.pairs;
    facts.rank = std::max(facts.rank, tensor.dims[0]);
  }
  return facts;
}

void print_adapter_json(const AdapterFacts& facts, const gguf::View& view, const library::Installed& file, bool verbose) {
  nlohmann::ordered_json out = {{"adapter", facts.kind},       {"path", file.path},
                                {"bytes", view.file_bytes()},  {"sha256", file.sha256},
                                {"architecture", facts.architecture}, {"general_name", facts.general_name},
                                {"task_name", facts.task_name}, {"prompt_prefix", facts.prompt_prefix},
                                {"alpha", facts.alpha},        {"rank", facts.rank},
                                {"weights", facts.pairs},      {"parameters", facts.values},
                                {"quantisation", quantisation_of(view)}};
  if (verbose) out["metadata"] = metadata_json(view);
  std::printf("%s\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void print_adapter(const AdapterFacts& facts, const gguf::View& view, const library::Installed& file) {
  char alpha[32];
  std::snprintf(alpha, sizeof alpha, "%g", facts.alpha);
  std::vector<std::pair<std::string, std::string>> fields = {
      {"kind", "adapter (" + printable(facts.kind) + "): run it with a model, hearth run MODEL --lora FILE"},
      {"for", "models of the architecture " + printable(facts.architecture)},
      {"changes", std::to_string(facts.pairs) + " weights, rank " + std::to_string(facts.rank) + ", alpha " + alpha},
      {"parameters", format_count(facts.values)},
      {"quantisation", quantisation_of(view)},
      {"size", format_bytes(view.file_bytes())},
      {"sha256", file.sha256},
      {"path", printable(file.path, 4096)},
  };
  if (!facts.prompt_prefix.empty()) fields.insert(fields.begin() + 3, {"prompts begin", printable(facts.prompt_prefix)});
  if (!facts.task_name.empty()) fields.insert(fields.begin() + 3, {"task", printable(facts.task_name)});
  if (!facts.general_name.empty()) fields.insert(fields.begin(), {"calls itself", printable(facts.general_name)});
  std::fputs(format_fields(fields).c_str(), stdout);
}

Result<void> show_adapter(const ShowOptions& options, const gguf::View& view, library::Installed file) {
  if (options.template_only || options.licence_only) {
    return Error{ErrorCode::kInvalidArgument, printable(file.path, 4096) + " is an adapter: it has no template, nor a licence of its own"};
  }
  if (file.sha256.empty()) file.sha256 = TRY(digest_of_file(view, options.json));
  const AdapterFacts facts = read_adapter_facts(view);
  if (options.json) {
    print_adapter_json(facts, view, file, options.verbose);
  } else {
    print_adapter(facts, view, file);
    if (options.verbose) print_metadata(view);
  }
  return {};
}

Result<void> show(const ShowOptions& options) {
  const library::Library models = TRY(library::Library::open());
  library::Installed model = TRY(models.resolve(options.model));
  const std::unique_ptr<gguf::View> view = TRY(gguf::View::open(model.path));
  if (view->get_string("general.type").value_or("") == "adapter") return show_adapter(options, *view, std::move(model));
  Facts facts = read_facts(*view, std::move(model));
  if (options.template_only) {
    if (facts.chat_template.empty()) return Error{ErrorCode::kNotFound, facts.model.name + " has no chat template"};
    std::fwrite(facts.chat_template.data(), 1, facts.chat_template.size(), stdout);
    if (stdout_is_terminal() && facts.chat_template.back() != '\n') std::fputc('\n', stdout);
    return {};
  }
  if (options.licence_only) {
    print_licence(facts.model);
    return {};
  }
  if (facts.model.sha256.empty()) facts.model.sha256 = TRY(digest_of_file(*view, options.json));
  if (options.json) {
    print_json(facts, *view, options.verbose);
  } else {
    print_facts(facts);
    if (options.verbose) print_metadata(*view);
  }
  return {};
}

}  // namespace

void add_show(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* verb = app.add_subcommand("show", "Show what a model is: architecture, licence, template, file");
  verb->add_option("MODEL", options->model, "A name from 'hearth list' or a path to a .gguf file; without it, the default model")
      ->type_name("");
  verb->add_flag("--json", options->json, "Print a JSON object; its 'path' is the file in use");
  verb->add_flag("--template", options->template_only, "Print the chat template and nothing else");
  verb->add_flag("--licence,--license", options->licence_only, "Print the licence and nothing else");
  verb->add_flag("-v,--verbose", options->verbose, "All metadata and tensors too");
  verb->footer(
      "Examples:\n"
      "  hearth show smollm2:135m\n"
      "  hearth show ./model.gguf --verbose\n"
      "  hearth show ./adapter.gguf\n"
      "  hearth show smollm2:135m --template > template.jinja\n"
      "  hearth show smollm2:135m --json | jq -r .path");
  verb->callback([options, exit_code] {
    const Result<void> shown = show(*options);
    *exit_code = shown.ok() ? kExitDone : report(shown.error());
  });
}

}  // namespace hearth::cli
