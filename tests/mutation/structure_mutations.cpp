// Damage to the container: cuts, flips, counts, lengths, types, shapes, offsets, names.
//
// Contract: see gguf_mutator.h. "Reject" only where the format leaves no other reading.
// Not here: well-formed files with wrong contents (value_mutations.cpp).
#include <algorithm>

#include "mutation/gguf_mutator.h"
#include "quant/traits.h"

namespace hearth::mutation {
namespace {

constexpr uint64_t kHostile[] = {0,          1,           2,           3,          5,          7,          31,
                                 33,         255,         256,         65535,      65536,      1u << 20,   1u << 31,
                                 1ull << 32, 0x7FFFFFFFu, 0xFFFFFFFFu, 1ull << 40, 1ull << 61, 1ull << 62, 1ull << 63,
                                 ~0ull,      ~0ull - 7,   ~0ull - 31,  ~0ull >> 1};

std::string patched(const Seed& seed, uint64_t at, const std::string& bytes) {
  std::string file = seed.bytes;
  file.replace(at, bytes.size(), bytes);
  return file;
}

std::string tensor_label(const TensorField& tensor, const std::string& what) {
  return "tensor '" + tensor.name + "': " + what;
}

Mutation cut(const Seed& seed, Random& random) {
  // Half of the cuts fall into the header, which may be a small part of the file.
  const uint64_t limit = random.below(2) == 0 ? seed.header_end : seed.bytes.size();
  const uint64_t size = random.below(limit);
  return {"cut to " + std::to_string(size) + " bytes", size < seed.data_end ? Expect::kReject : Expect::kAccept,
          seed.bytes.substr(0, size)};
}

Mutation flip_header_bit(const Seed& seed, Random& random) {
  const uint64_t at = random.below(seed.header_end);
  const int bit = static_cast<int>(random.below(8));
  return {"bit " + std::to_string(bit) + " of byte " + std::to_string(at) + " flipped",
          at < 4 ? Expect::kReject : Expect::kEither,
          patched(seed, at, std::string(1, static_cast<char>(seed.bytes[at] ^ (1 << bit))))};
}

Mutation flip_many(const Seed& seed, Random& random) {
  std::string file = seed.bytes;
  const uint64_t count = 1 + random.below(64), begin = random.below(seed.header_end);
  const uint64_t span = std::min<uint64_t>(seed.header_end - begin, 1 + random.below(4096));
  for (uint64_t i = 0; i < count; ++i) file[begin + random.below(span)] = static_cast<char>(random.next());
  return {std::to_string(count) + " random bytes from byte " + std::to_string(begin), Expect::kEither, file};
}

Mutation change_weights(const Seed& seed, Random& random) {
  if (seed.data_begin >= seed.data_end) return flip_header_bit(seed, random);
  std::string file = seed.bytes;
  const uint64_t begin = seed.data_begin + random.below(seed.data_end - seed.data_begin);
  const uint64_t end = std::min<uint64_t>(seed.data_end, begin + 1 + random.below(1024));
  const bool ones = random.below(2) == 0;
  for (uint64_t i = begin; i < end; ++i) file[i] = ones ? '\xff' : static_cast<char>(random.next());
  return {
      "weights from byte " + std::to_string(begin) + " to " + std::to_string(end) + (ones ? " all ones" : " random"),
      Expect::kAccept, file};
}

Mutation move_block(const Seed& seed, Random& random) {
  std::string file = seed.bytes;
  const uint64_t from = random.below(seed.header_end), to = random.below(seed.header_end);
  const uint64_t size = std::min<uint64_t>(1 + random.below(512), seed.header_end - std::max(from, to));
  file.replace(to, size, seed.bytes, from, size);
  return {std::to_string(size) + " bytes copied from " + std::to_string(from) + " to " + std::to_string(to),
          Expect::kEither, file};
}

Mutation insert_or_erase(const Seed& seed, Random& random) {
  std::string file = seed.bytes;
  const uint64_t at = random.below(seed.header_end), size = 1 + random.below(16);
  const bool erase = random.below(2) == 0;
  if (erase) {
    file.erase(at, size);
  } else {
    file.insert(at, std::string(size, static_cast<char>(random.next())));
  }
  return {std::to_string(size) + " bytes " + (erase ? "erased" : "inserted") + " at " + std::to_string(at),
          Expect::kEither, file};
}

Mutation change_header_counts(const Seed& seed, Random& random) {
  const bool tensors = random.below(2) == 0;
  const uint64_t current = tensors ? seed.tensors.size() : seed.keys.size();
  const uint64_t value = random.below(3) == 0 ? current + random.below(3) - 1 : random.pick(kHostile);
  Expect expect = value > current + 1000 ? Expect::kReject : Expect::kEither;
  if (value == current) expect = Expect::kAccept;
  return {std::string(tensors ? "tensor" : "key") + " count := " + std::to_string(value), expect,
          patched(seed, tensors ? 8 : 16, raw(value))};
}

Mutation change_version(const Seed& seed, Random& random) {
  const uint32_t version = static_cast<uint32_t>(random.pick(kHostile));
  const bool known = version == 2 || version == 3;
  return {"version := " + std::to_string(version), known ? Expect::kAccept : Expect::kReject,
          patched(seed, 4, raw(version))};
}

Mutation change_length(const Seed& seed, Random& random) {
  const KeyField& key = random.pick(seed.keys);
  uint64_t at = key.begin;
  std::string what = "name length";
  if (random.below(3) != 0) {
    if (!key.strings.empty()) {
      at = random.pick(key.strings);
      what = "string length";
    } else if (key.type == 9) {
      at = key.value_at + 4;
      what = "array length";
    }
  }
  const bool huge = random.below(2) == 0;
  const uint64_t value = huge ? seed.bytes.size() + random.below(1u << 30) : random.pick(kHostile);
  return {"key '" + key.name + "': " + what + " := " + std::to_string(value), huge ? Expect::kReject : Expect::kEither,
          patched(seed, at, raw(value))};
}

Mutation change_type(const Seed& seed, Random& random) {
  const KeyField& key = random.pick(seed.keys);
  const bool element = key.type == 9 && random.below(2) == 0;
  const uint32_t value = static_cast<uint32_t>(random.below(3) == 0 ? random.pick(kHostile) : random.below(16));
  return {"key '" + key.name + "': " + (element ? "element " : "") + "type := " + std::to_string(value),
          value > 12 ? Expect::kReject : Expect::kEither,
          patched(seed, element ? key.value_at : key.type_at, raw(value))};
}

Mutation change_dim_count(const Seed& seed, Random& random) {
  if (seed.tensors.empty()) return change_type(seed, random);
  const TensorField& tensor = random.pick(seed.tensors);
  const uint32_t value = static_cast<uint32_t>(random.pick(kHostile));
  return {tensor_label(tensor, "dimensions := " + std::to_string(value)), value > 4 ? Expect::kReject : Expect::kEither,
          patched(seed, tensor.dim_count_at, raw(value))};
}

Mutation change_dim(const Seed& seed, Random& random) {
  if (seed.tensors.empty()) return change_length(seed, random);
  const TensorField& tensor = random.pick(seed.tensors);
  if (tensor.dims.empty()) return change_length(seed, random);
  const uint64_t which = random.below(tensor.dims.size());
  const uint64_t value = random.below(3) == 0 ? tensor.dims[which] + random.below(5) - 2 : random.pick(kHostile);
  // A tensor is at least a third of a byte per value.
  const bool impossible = value == 0 || value / 4 > seed.bytes.size();
  return {tensor_label(tensor, "dimension " + std::to_string(which) + " := " + std::to_string(value)),
          impossible ? Expect::kReject : Expect::kEither, patched(seed, tensor.dims_at + 8 * which, raw(value))};
}

Mutation swap_dims(const Seed& seed, Random& random) {
  if (seed.tensors.empty()) return change_version(seed, random);
  const TensorField& tensor = random.pick(seed.tensors);
  if (tensor.dims.size() < 2) return change_weights(seed, random);
  const bool fits = tensor.dims[1] % quant::traits(tensor.format)->block_values == 0;
  return {tensor_label(tensor, "dimensions swapped"), fits ? Expect::kAccept : Expect::kReject,
          patched(seed, tensor.dims_at, raw(tensor.dims[1]) + raw(tensor.dims[0]))};
}

Mutation change_format(const Seed& seed, Random& random) {
  if (seed.tensors.empty()) return flip_many(seed, random);
  const TensorField& tensor = random.pick(seed.tensors);
  const uint32_t value = static_cast<uint32_t>(random.below(4) == 0 ? random.pick(kHostile) : random.below(44));
  return {tensor_label(tensor, "format := " + std::to_string(value)),
          quant::traits(value) == nullptr ? Expect::kReject : Expect::kEither,
          patched(seed, tensor.format_at, raw(value))};
}

Mutation change_offset(const Seed& seed, Random& random) {
  if (seed.tensors.empty()) return move_block(seed, random);
  const TensorField& tensor = random.pick(seed.tensors);
  uint64_t value = random.pick(kHostile);
  if (random.below(2) == 0) value = tensor.offset + (random.below(2) == 0 ? seed.alignment : 0 - seed.alignment);
  const bool impossible = value % seed.alignment != 0 || value > seed.bytes.size();
  return {tensor_label(tensor, "offset := " + std::to_string(value)), impossible ? Expect::kReject : Expect::kEither,
          patched(seed, tensor.offset_at, raw(value))};
}

Mutation share_offset(const Seed& seed, Random& random) {
  if (seed.tensors.size() < 2) return insert_or_erase(seed, random);
  const uint64_t first = random.below(seed.tensors.size());
  const uint64_t second = (first + 1 + random.below(seed.tensors.size() - 1)) % seed.tensors.size();
  return {tensor_label(seed.tensors[first], "offset of '" + seed.tensors[second].name + "'"), Expect::kReject,
          patched(seed, seed.tensors[first].offset_at, raw(seed.tensors[second].offset))};
}

Mutation duplicate_entry(const Seed& seed, Random& random) {
  Rebuild rebuild(seed);
  if (seed.tensors.empty() || random.below(2) == 0) {
    const uint64_t which = random.below(seed.keys.size());
    rebuild.keys.insert(rebuild.keys.begin() + static_cast<long>(random.below(rebuild.keys.size())),
                        std::string(rebuild.keys[which]));
    return {"key '" + seed.keys[which].name + "' twice", Expect::kReject, rebuild.join(seed)};
  }
  const uint64_t which = random.below(seed.tensors.size());
  rebuild.tensors.push_back(rebuild.tensors[which]);
  return {tensor_label(seed.tensors[which], "twice"), Expect::kReject, rebuild.join(seed)};
}

Mutation rename_entry(const Seed& seed, Random& random) {
  constexpr std::string_view kNames[] = {"",  "\xff\xfe", "\xed\xa0\x80", "blk.999999999999.attn_q.weight",
                                         "x", "\xc0\x80"};
  const std::string_view name = random.pick(kNames);
  const Expect expect = name.size() > 0 && (name[0] == 'b' || name[0] == 'x') ? Expect::kAccept : Expect::kReject;
  Rebuild rebuild(seed);
  if (seed.tensors.empty()) {
    const uint64_t which = random.below(seed.keys.size());
    const KeyField& key = seed.keys[which];
    rebuild.keys[which] = raw_key(name, key.type, seed.piece(key.value_at, key.end));
    return {"key '" + key.name + "' renamed", expect, rebuild.join(seed)};
  }
  const uint64_t which = random.below(seed.tensors.size());
  const TensorField& tensor = seed.tensors[which];
  rebuild.tensors[which] = raw_string(name) + std::string(seed.piece(tensor.dim_count_at, tensor.end));
  return {tensor_label(tensor, "renamed"), expect, rebuild.join(seed)};
}

Mutation drop_tensor(const Seed& seed, Random& random) {
  if (seed.tensors.empty()) return cut(seed, random);
  Rebuild rebuild(seed);
  const uint64_t which = random.below(seed.tensors.size());
  rebuild.tensors.erase(rebuild.tensors.begin() + static_cast<long>(which));
  return {tensor_label(seed.tensors[which], "absent"), Expect::kAccept, rebuild.join(seed)};
}

}  // namespace

const std::vector<Family> kStructureFamilies = {
    cut,
    flip_header_bit,
    flip_many,
    change_weights,
    move_block,
    insert_or_erase,
    change_header_counts,
    change_version,
    change_length,
    change_type,
    change_dim_count,
    change_dim,
    swap_dims,
    change_format,
    change_offset,
    share_offset,
    duplicate_entry,
    rename_entry,
    drop_tensor,
};

}  // namespace hearth::mutation
