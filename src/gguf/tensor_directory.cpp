// The tensor directory of one GGUF file: names, shapes, formats, and where the bytes lie.
//
// Contract: after parse_tensors() every tensor has a format that this build reads, a shape whose size is computed
// without overflow, and bytes that lie within the file, aligned and disjoint from the other tensors'. Not here: shapes
// a model expects (model/).
#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "base/utf8.h"
#include "gguf/cursor.h"
#include "gguf/limits.h"
#include "gguf/part.h"

namespace hearth::gguf {
namespace {

constexpr const char* kReadableFormats =
    "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL and IQ4_XS are read";

std::string quoted(std::string_view name) {
  return "tensor '" + printable(name, 80) + "'";
}

Result<uint64_t> alignment_of(const Part& part) {
  const Entry* entry = part.find("general.alignment");
  if (entry == nullptr) return kDefaultAlignment;
  const std::optional<uint64_t> value = entry_u64(*entry);
  if (!value.has_value()) {
    return corrupt(part, std::string("key 'general.alignment' must be an unsigned integer; it is ") +
                             value_type_name(entry->type));
  }
  const bool power_of_two = *value != 0 && (*value & (*value - 1)) == 0;
  if (!power_of_two || *value < kMinAlignment || *value > kMaxAlignment) {
    return corrupt(part, "key 'general.alignment' is " + std::to_string(*value) + "; it must be a power of two from " +
                             std::to_string(kMinAlignment) + " to " + std::to_string(kMaxAlignment));
  }
  return *value;
}

Result<void> check_name(const Part& part, std::string_view name, uint64_t index) {
  const std::string which = "tensor " + std::to_string(index) + " of " + std::to_string(part.tensor_count);
  if (name.empty()) return corrupt(part, which + " has an empty name");
  if (name.size() > kMaxTensorNameBytes) {
    return corrupt(part, which + " has a name of " + std::to_string(name.size()) +
                             " bytes, above the limit kMaxTensorNameBytes = " + std::to_string(kMaxTensorNameBytes));
  }
  if (!is_valid_utf8(name))
    return corrupt(part, which + " has a name that is not valid UTF-8: '" + printable(name, 80) + "'");
  return {};
}

// Shape and format to sizes.
Result<void> measure(const Part& part, uint32_t type, TensorInfo* tensor) {
  const quant::FormatTraits* format = quant::traits(type);
  if (format == nullptr) {
    const auto name = quant::gguf_type_name(type);
    const std::string text =
        name ? "format " + std::string(*name) : "the unknown format number " + std::to_string(type);
    return unsupported(part, quoted(tensor->name) + " has " + text + ", which this program does not read (" +
                                 kReadableFormats + "); get the model in another quantisation");
  }
  tensor->format = format->format;
  tensor->value_count = 1;
  for (int i = 0; i < tensor->dim_count; ++i) {
    if (tensor->dims[i] == 0) return corrupt(part, quoted(tensor->name) + ": dimension " + std::to_string(i) + " is 0");
    if (!checked_mul(tensor->value_count, tensor->dims[i], &tensor->value_count)) {
      return corrupt(part, quoted(tensor->name) + ": the product of its dimensions exceeds 64 bits");
    }
  }
  if (tensor->dims[0] % format->block_values != 0) {
    return corrupt(part, quoted(tensor->name) + ": its rows have " + std::to_string(tensor->dims[0]) +
                             " values, not a multiple of the " + std::to_string(format->block_values) +
                             " in a block of " + format->name);
  }
  if (!checked_mul(tensor->value_count / format->block_values, format->block_bytes, &tensor->bytes)) {
    return corrupt(part, quoted(tensor->name) + ": its size exceeds 64 bits");
  }
  return {};
}

Result<uint64_t> parse_tensor(const Part& part, Cursor* cursor, uint64_t index, TensorInfo* tensor) {
  const Error cut =
      corrupt(part, "the file ends inside the directory entry of tensor " + std::to_string(index) + " of " +
                        std::to_string(part.tensor_count) + ": it is cut short or damaged; fetch it again");
  if (!cursor->read_string(&tensor->name)) return cut;
  TRY(check_name(part, tensor->name, index));
  uint32_t dim_count, type;
  if (!cursor->read(&dim_count)) return cut;
  if (dim_count > kMaxDims) {
    return corrupt(part, quoted(tensor->name) + " has " + std::to_string(dim_count) + " dimensions; at most " +
                             std::to_string(kMaxDims) + " exist");
  }
  tensor->dim_count = static_cast<int>(dim_count);
  tensor->dims = {1, 1, 1, 1};
  for (uint32_t i = 0; i < dim_count; ++i) {
    if (!cursor->read(&tensor->dims[i])) return cut;
  }
  uint64_t offset;
  if (!cursor->read(&type) || !cursor->read(&offset)) return cut;
  TRY(measure(part, type, tensor));
  return offset;
}

Result<void> place(const Part& part, uint64_t data_start, uint64_t alignment, uint64_t offset, TensorInfo* tensor) {
  if (offset % alignment != 0) {
    return corrupt(part, quoted(tensor->name) + ": its offset " + std::to_string(offset) +
                             " is not a multiple of the alignment " + std::to_string(alignment));
  }
  uint64_t begin, end;
  const uint64_t size = part.bytes.size();
  if (!checked_add(data_start, offset, &begin) || !checked_add(begin, tensor->bytes, &end)) {
    return corrupt(part, quoted(tensor->name) + ": its offset and size exceed 64 bits");
  }
  if (end > size) {
    return corrupt(part, quoted(tensor->name) + " ends at byte " + std::to_string(end) + ", but the file has only " +
                             std::to_string(size) + ": it is cut short (an interrupted download?); fetch it again");
  }
  tensor->data = part.bytes.data() + begin;
  return {};
}

Result<void> check_disjoint(const Part& part) {
  const std::vector<TensorInfo>& tensors = part.tensors;
  std::vector<uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto before = [&](uint32_t a, uint32_t b) { return tensors[a].data < tensors[b].data; };
  if (!std::is_sorted(order.begin(), order.end(), before)) std::sort(order.begin(), order.end(), before);
  for (size_t i = 1; i < order.size(); ++i) {
    const TensorInfo& first = tensors[order[i - 1]];
    const TensorInfo& second = tensors[order[i]];
    if (static_cast<uint64_t>(second.data - first.data) < first.bytes) {
      return corrupt(part, quoted(first.name) + " and " + quoted(second.name) + " overlap");
    }
  }
  return {};
}

}  // namespace

Result<void> parse_tensors(Part* part) {
  const uint64_t alignment = TRY(alignment_of(*part));
  Cursor cursor(part->bytes, part->directory);
  std::vector<uint64_t> offsets;
  offsets.reserve(part->tensor_count);
  part->tensors.reserve(part->tensor_count);
  for (uint64_t i = 0; i < part->tensor_count; ++i) {
    TensorInfo tensor{};
    offsets.push_back(TRY(parse_tensor(*part, &cursor, i, &tensor)));
    part->tensors.push_back(tensor);
  }
  uint64_t data_start;
  if (!checked_align(cursor.position(), alignment, &data_start)) return corrupt(*part, "its header exceeds 64 bits");
  for (uint64_t i = 0; i < part->tensor_count; ++i) {
    TRY(place(*part, data_start, alignment, offsets[i], &part->tensors[i]));
  }
  return check_disjoint(*part);
}

}  // namespace hearth::gguf
