// Finding and checking the parts of a split model.
//
// Contract: see split.h. The keys split.count, split.no and split.tensors.count decide; the file name must agree with
// them. Not here: parsing one file (part.h).
#include "gguf/split.h"

#include <algorithm>
#include <optional>

#include "gguf/limits.h"

namespace hearth::gguf {
namespace {

struct SplitKeys {
  uint64_t count = 1;               // parts in all
  uint64_t number = 0;              // from 0
  std::optional<uint64_t> tensors;  // over all parts
};

Result<uint64_t> required(const Part& part, const char* key) {
  const Entry* entry = part.find(key);
  if (entry == nullptr) return corrupt(part, std::string("is part of a split model but lacks key '") + key + "'");
  const std::optional<uint64_t> value = entry_u64(*entry);
  if (!value) return corrupt(part, std::string("key '") + key + "' must be an unsigned integer");
  return *value;
}

Result<SplitKeys> split_keys(const Part& part) {
  SplitKeys keys;
  if (part.find("split.count") == nullptr) return keys;
  keys.count = TRY(required(part, "split.count"));
  if (keys.count <= 1) return SplitKeys{};  // written by tools that "split" into one file
  if (keys.count > kMaxParts) {
    return corrupt(part, "key 'split.count' is " + std::to_string(keys.count) +
                             ", above the limit kMaxParts = " + std::to_string(kMaxParts));
  }
  keys.number = TRY(required(part, "split.no"));
  if (keys.number >= keys.count) {
    return corrupt(part, "key 'split.no' is " + std::to_string(keys.number) + " in a model of " +
                             std::to_string(keys.count) + " parts");
  }
  if (part.find("split.tensors.count") != nullptr) keys.tensors = TRY(required(part, "split.tensors.count"));
  return keys;
}

std::string five_digits(uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

Error missing_part(Error error, const std::string& path, uint64_t number, uint64_t count) {
  error.message += "; it is part " + std::to_string(number) + " of the " + std::to_string(count) + " that make up " +
                   path + ": all parts must lie in one folder";
  return error;
}

}  // namespace

std::string part_path(const std::string& prefix, uint64_t number, uint64_t count) {
  return prefix + "-" + five_digits(number) + "-of-" + five_digits(count) + ".gguf";
}

Result<void> check_not_split(const Part& part) {
  const SplitKeys keys = TRY(split_keys(part));
  if (keys.count == 1) return {};
  return unsupported(part, "is part " + std::to_string(keys.number + 1) + " of a model split over " +
                               std::to_string(keys.count) + " files; it can only be opened by path");
}

Result<std::vector<Part>> load_all_parts(const std::string& path) {
  std::vector<Part> parts;
  Part named = TRY(load_part(path));
  const SplitKeys keys = TRY(split_keys(named));
  if (keys.count == 1) {
    parts.push_back(std::move(named));
    return parts;
  }
  const std::string suffix = part_path("", keys.number + 1, keys.count);
  if (!path.ends_with(suffix)) {
    return unsupported(named, "is part " + std::to_string(keys.number + 1) + " of " + std::to_string(keys.count) +
                                  " of a split model, so its name must end in \"" + suffix +
                                  "\" for the other parts to be found");
  }
  const std::string prefix = path.substr(0, path.size() - suffix.size());
  uint64_t tensor_count = 0;
  for (uint64_t i = 0; i < keys.count; ++i) {
    if (i == keys.number) {
      parts.push_back(std::move(named));
    } else {
      Result<Part> loaded = load_part(part_path(prefix, i + 1, keys.count));
      if (!loaded) return missing_part(std::move(loaded).error(), path, i + 1, keys.count);
      parts.push_back(std::move(loaded).value());
    }
    const SplitKeys own = TRY(split_keys(parts.back()));
    if (own.count != keys.count || own.number != i) {
      return corrupt(parts.back(), "its keys say part " + std::to_string(own.number + 1) + " of " +
                                       std::to_string(own.count) + ", its name part " + std::to_string(i + 1) + " of " +
                                       std::to_string(keys.count));
    }
    tensor_count += parts.back().tensor_count;
    if (tensor_count > kMaxTensors) {
      return Error{ErrorCode::kResource,
                   path + ": its parts have more tensors than the limit kMaxTensors = " + std::to_string(kMaxTensors)};
    }
  }
  const std::optional<uint64_t> announced = TRY(split_keys(parts.front())).tensors;
  if (announced && *announced != tensor_count) {
    return corrupt(parts.front(), "key 'split.tensors.count' announces " + std::to_string(*announced) +
                                      " tensors, the parts hold " + std::to_string(tensor_count));
  }
  return parts;
}

}  // namespace hearth::gguf
