// Contract and exclusions: server/adapters.h.
#include "server/adapters.h"

#include <cmath>
#include <limits>

namespace hearth::server {

namespace {

constexpr size_t kMostNamed = 1024;  // of one list

Checked<AdapterScale> read_adapter(const Json& entry, const std::string& field) {
  if (!entry.is_object()) return bad_request("'" + field + "' must be an object with 'id' and 'scale', not " + entry.type_name(), "lora");
  const Json* id = find_member(entry, "id");
  const Json* scale = find_member(entry, "scale");
  if (id == nullptr || !id->is_number_integer()) return bad_request("'" + field + ".id' must be an integer", "lora");
  if (scale == nullptr || !scale->is_number()) return bad_request("'" + field + ".scale' must be a number", "lora");
  const auto number = id->get<int64_t>();
  const auto strength = scale->get<double>();
  if (number < 0 || number > std::numeric_limits<int>::max()) {
    return bad_request("'" + field + ".id' is " + id->dump() + ": there is no such adapter", "lora");
  }
  if (!(std::fabs(strength) <= double{std::numeric_limits<float>::max()})) {
    return bad_request("'" + field + ".scale' is " + scale->dump() + ", more than a scale can be", "lora");
  }
  return AdapterScale{static_cast<int>(number), static_cast<float>(strength)};
}

}  // namespace

Checked<AdapterSet> read_adapter_list(const Json& list, const std::string& field) {
  if (!list.is_array()) return bad_request("'" + field + "' must be a list of objects with 'id' and 'scale', not " + list.type_name(), "lora");
  if (list.size() > kMostNamed) {
    return bad_request("'" + field + "' has " + std::to_string(list.size()) + " entries, more than " + std::to_string(kMostNamed), "lora");
  }
  AdapterSet asked;
  for (size_t i = 0; i < list.size(); ++i) {
    Checked<AdapterScale> one = read_adapter(list[i], field + "[" + std::to_string(i) + "]");
    if (!one.ok()) return one.error();
    asked.push_back(*one);
  }
  return asked;
}

Checked<std::optional<AdapterSet>> read_adapters(const Json& body) {
  const Json* list = find_member(body, "lora");
  if (list == nullptr || (list->is_structured() && list->empty())) return std::optional<AdapterSet>();
  Checked<AdapterSet> asked = read_adapter_list(*list, "lora");
  if (!asked.ok()) return asked.error();
  return std::optional<AdapterSet>(std::move(*asked));
}

Checked<AdapterSet> adapters_of(const Engine& engine, const AdapterSet& asked) {
  Result<AdapterSet> set = engine.adapter_set(asked);
  if (!set.ok()) return bad_request("'lora': " + set.error().message, "lora");
  return std::move(*set);
}

Json adapters_to_json(const AdapterSet& set) {
  Json list = Json::array();
  for (const AdapterScale& one : set) list.push_back({{"id", one.id}, {"scale", one.scale}});
  return list;
}

}  // namespace hearth::server
