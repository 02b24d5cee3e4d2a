// Looks an architecture up by name; see registry.h.
#include "model/archs/registry.h"

#include <array>
#include <string>

#include "model/archs/archs.h"

namespace hearth::model {
namespace {

struct Architecture {
  std::string_view name;
  Result<ModelSpec> (*describe)(const archs::Keys& keys);
};

constexpr std::array<Architecture, 3> kArchitectures{{
    {"llama", archs::describe_llama},
    {"qwen2", archs::describe_qwen2},
    {"gemma3", archs::describe_gemma3},
}};

}  // namespace

Result<ModelSpec> describe(const gguf::View& view) {
  const auto name = view.get_string("general.architecture");
  if (!name) {
    return Error{ErrorCode::kCorrupt, view.name() + ": key general.architecture is missing: not a language model file"};
  }
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == *name) return architecture.describe(archs::Keys(view, std::string(*name)));
    known += (known.empty() ? "" : ", ") + std::string(architecture.name);
  }
  return Error{ErrorCode::kUnsupported, view.name() + ": architecture \"" + std::string(name->substr(0, 64)) +
                                            "\" is not one that this program runs (" + known + ")"};
}

}  // namespace hearth::model
