// Contract and exclusions: cli/config_file.h.
#include "cli/config_file.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/atomic_file.h"
#include "base/nearest.h"
#include "toml++/toml.h"

namespace hearth::cli {

namespace {

constexpr uint64_t kMaxConfigBytes = 1 << 20;

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help" && name != "config") names.push_back(name);
    }
  }
  return names;
}

// One value as it would stand on the command line.
Result<std::string> as_text(const toml::node& value, const std::string& where) {
  if (const auto text = value.value_exact<std::string>()) return *text;
  if (const auto flag = value.value_exact<bool>()) return std::string(*flag ? "true" : "false");
  if (value.is_integer() || value.is_floating_point()) {
    std::ostringstream text;
    value.visit([&](const auto& node) {
      if constexpr (toml::is_number<decltype(node)>) text << *node;
    });
    return text.str();
  }
  return Error{ErrorCode::kInvalidArgument, where + " must be text, a number, true, false, or a list of these"};
}

Result<void> apply(CLI::Option* option, const toml::node& value, const std::string& where) {
  std::vector<std::string> texts;
  if (const toml::array* list = value.as_array()) {
    for (const toml::node& entry : *list) texts.push_back(TRY(as_text(entry, where)));
  } else {
    texts.push_back(TRY(as_text(value, where)));
  }
  if (texts.empty()) return {};
  try {
    for (const std::string& text : texts) option->add_result(text);
    option->run_callback();
  } catch (const CLI::Error& problem) {
    return Error{ErrorCode::kInvalidArgument, where + ": " + problem.what()};
  }
  return {};
}

}  // namespace

Result<void> apply_config_file(CLI::App* verb, const std::string& path) {
  const std::string text = TRY(read_small_file(path, kMaxConfigBytes));
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& problem) {
    std::ostringstream where;
    where << path << ", line " << problem.source().begin.line << ": " << problem.description();
    return Error{ErrorCode::kInvalidArgument, where.str()};
  }
  const std::vector<std::string> names = option_names(*verb);
  for (const auto& [key, value] : table) {
    std::string name(key.str());
    std::replace(name.begin(), name.end(), '_', '-');
    const std::string where = path + ": '" + std::string(key.str()) + "'";
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const std::vector<std::string> near = nearest(name, names);
      return Error{ErrorCode::kInvalidArgument, where + " is no option" + (near.empty() ? "" : "; did you mean " + join_or(near) + "?")};
    }
    CLI::Option* option = verb->get_option("--" + name);
    if (option->count() == 0) TRY(apply(option, value, where));
  }
  return {};
}

}  // namespace hearth::cli
