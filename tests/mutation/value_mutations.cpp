// Well-formed files whose keys are wrong: hyper-parameters out of range, other types, odd vocabularies, hostile
// templates.
//
// Contract: see gguf_mutator.h. Such files open unless the key is one that the container itself reads.
// Not here: damage to the container (structure_mutations.cpp).
#include <cmath>
#include <limits>

#include "mutation/gguf_mutator.h"

namespace hearth::mutation {
namespace {

enum Type : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

constexpr int64_t kIntegers[] = {0,
                                 1,
                                 2,
                                 3,
                                 5,
                                 -1,
                                 -2,
                                 17,
                                 513,
                                 65535,
                                 65536,
                                 1 << 24,
                                 0x7FFFFFFF,
                                 -0x7FFFFFFF - 1,
                                 0xFFFFFFFF,
                                 1ll << 40,
                                 std::numeric_limits<int64_t>::max(),
                                 std::numeric_limits<int64_t>::min()};
const double kReals[] = {0.0,    -0.0,  1.0, -1.0,     1e-40,     1e30, -1e30,
                         3.5e38, 1e300, NAN, INFINITY, -INFINITY, 1e-5, 10000.0};

bool read_by_container(const std::string& name) {
  return name == "general.alignment" || name.starts_with("split.");
}

Expect expectation(const KeyField& key) {
  return read_by_container(key.name) ? Expect::kEither : Expect::kAccept;
}

std::string integer_of(uint32_t type, int64_t value) {
  switch (type) {
    case kU8:
    case kI8:
      return raw(static_cast<int8_t>(value));
    case kBool:
      return raw(static_cast<uint8_t>(value & 1));
    case kU16:
    case kI16:
      return raw(static_cast<int16_t>(value));
    case kU32:
    case kI32:
      return raw(static_cast<int32_t>(value));
    default:
      return raw(value);
  }
}

std::string real_of(uint32_t type, double value) {
  if (type == kF64) return raw(value);
  const bool fits = !(std::fabs(value) > std::numeric_limits<float>::max()) || !std::isfinite(value);
  return raw(fits ? static_cast<float>(value) : std::numeric_limits<float>::max());
}

// A random value of the type, as it lies in the file, and its text for the label.
std::string random_scalar(uint32_t type, Random& random, std::string* text) {
  constexpr std::string_view kTexts[] = {"",      "llama", "no such thing", "\xff\xff", "%s%n", "../../etc/passwd",
                                         "<0x-1>"};
  if (type == kString) {
    *text = random.pick(kTexts);
    return raw_string(*text);
  }
  if (type == kF32 || type == kF64) {
    const double value = random.pick(kReals);
    *text = std::to_string(value);
    return real_of(type, value);
  }
  const int64_t value = random.pick(kIntegers);
  *text = std::to_string(value);
  return integer_of(type, value);
}

Mutation replaced(const Seed& seed, size_t which, uint32_t type, const std::string& value, const std::string& text) {
  const KeyField& key = seed.keys[which];
  Rebuild rebuild(seed);
  rebuild.keys[which] = raw_key(key.name, type, value);
  return {"key '" + key.name + "' := " + text, expectation(key), rebuild.join(seed)};
}

size_t pick_key(const Seed& seed, Random& random, bool array) {
  for (int attempt = 0; attempt < 64; ++attempt) {
    const size_t which = random.below(seed.keys.size());
    if ((seed.keys[which].type == kArray) == array) return which;
  }
  return random.below(seed.keys.size());
}

Mutation change_scalar(const Seed& seed, Random& random) {
  const size_t which = pick_key(seed, random, false);
  const uint32_t type = seed.keys[which].type == kArray ? static_cast<uint32_t>(kU32) : seed.keys[which].type;
  std::string text;
  const std::string value = random_scalar(type, random, &text);
  return replaced(seed, which, type, value, text);
}

Mutation change_scalar_type(const Seed& seed, Random& random) {
  constexpr uint32_t kScalars[] = {kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kU64, kI64, kF64};
  const size_t which = random.below(seed.keys.size());
  const uint32_t type = random.pick(kScalars);
  std::string text;
  const std::string value = random_scalar(type, random, &text);
  return replaced(seed, which, type, value, text + " of type " + std::to_string(type));
}

Mutation scalar_to_array(const Seed& seed, Random& random) {
  const size_t which = pick_key(seed, random, false);
  const uint32_t type = seed.keys[which].type == kArray ? static_cast<uint32_t>(kU32) : seed.keys[which].type;
  const uint64_t length = random.below(4);
  std::string bytes = raw(type) + raw(length), text;
  for (uint64_t i = 0; i < length; ++i) bytes += random_scalar(type, random, &text);
  return replaced(seed, which, kArray, bytes, "an array of " + std::to_string(length));
}

Mutation drop_key(const Seed& seed, Random& random) {
  const size_t which = random.below(seed.keys.size());
  Rebuild rebuild(seed);
  rebuild.keys.erase(rebuild.keys.begin() + static_cast<long>(which));
  return {"key '" + seed.keys[which].name + "' absent", expectation(seed.keys[which]), rebuild.join(seed)};
}

// Numbers of an array: all replaced, one replaced, or another type throughout.
Mutation change_number_array(const Seed& seed, Random& random) {
  const size_t which = pick_key(seed, random, true);
  const KeyField& key = seed.keys[which];
  if (key.type != kArray || key.element == kString) return change_scalar(seed, random);
  std::string bytes(seed.piece(key.value_at, key.end)), text;
  const uint64_t width = key.length == 0 ? 1 : (bytes.size() - 12) / key.length;
  const bool all = random.below(2) == 0;
  const std::string value = random_scalar(key.element, random, &text);
  const uint64_t one = random.below(key.length);
  for (uint64_t i = 0; i < key.length; ++i) {
    if (all || i == one) bytes.replace(12 + i * width, width, value);
  }
  return replaced(seed, which, kArray, bytes, (all ? "all " : "element " + std::to_string(one) + " := ") + text);
}

Mutation resize_array(const Seed& seed, Random& random) {
  const size_t which = pick_key(seed, random, true);
  const KeyField& key = seed.keys[which];
  if (key.type != kArray || key.length == 0) return drop_key(seed, random);
  const std::string_view elements = seed.piece(key.value_at + 12, key.end);
  const uint64_t length = random.below(3) == 0 ? 0 : random.below(key.length);
  const uint64_t width = elements.size() / key.length;
  const uint64_t size = key.element != kString ? length * width : key.strings[length] - key.strings[0];
  return replaced(seed, which, kArray, raw(key.element) + raw(length) + std::string(elements.substr(0, size)),
                  std::to_string(length) + " of " + std::to_string(key.length) + " elements");
}

Mutation retype_array(const Seed& seed, Random& random) {
  const size_t which = pick_key(seed, random, true);
  const KeyField& key = seed.keys[which];
  constexpr uint32_t kElements[] = {kU8, kI8, kU16, kI32, kU32, kF32, kBool, kU64, kF64, kString};
  const uint32_t type = random.pick(kElements);
  std::string bytes = raw(type) + raw(key.length), text;
  const std::string value = random_scalar(type, random, &text);
  for (uint64_t i = 0; i < key.length; ++i) bytes += value;
  return replaced(seed, which, kArray, bytes, "an array of type " + std::to_string(type) + ", all " + text);
}

// Tokens and merges: duplicates, empty ones, broken byte tokens, merges of unknown parts.
Mutation change_string_array(const Seed& seed, Random& random) {
  constexpr std::string_view kTokens[] = {"",    "<0x-1>", "<0xZZ>",     "<0x>",  "<0xFFF>", "\xff",
                                          "a",   " ",      "<unk>",      "a b c", "  ",      "\xe2\x96\x81",
                                          "<s>", "</s>",   "[control_1]"};
  const size_t which = pick_key(seed, random, true);
  const KeyField& key = seed.keys[which];
  if (key.strings.empty()) return retype_array(seed, random);
  const std::string_view token = random.pick(kTokens);
  const uint64_t share = random.below(3) == 0 ? key.length : 1 + random.below(16);
  const uint64_t first = share >= key.length ? 0 : random.below(key.length - share);
  const uint64_t last = std::min(key.length, first + share);
  std::string bytes = raw(key.element) + raw(key.length);
  bytes += seed.piece(key.strings[0], key.strings[first]);
  for (uint64_t i = first; i < last; ++i) bytes += raw_string(token);
  bytes += seed.piece(last < key.length ? key.strings[last] : key.end, key.end);
  return replaced(seed, which, kArray, bytes, std::to_string(last - first) + " strings '" + std::string(token) + "'");
}

Mutation add_key(const Seed& seed, Random& random) {
  struct Added {
    const char* name;
    uint32_t type;
    std::string value;
    Expect expect;
  };
  const Added kAdded[] = {
      {"general.alignment", kU32, raw<uint32_t>(0), Expect::kReject},
      {"general.alignment", kU32, raw<uint32_t>(3), Expect::kReject},
      {"general.alignment", kU32, raw<uint32_t>(1u << 31), Expect::kReject},
      {"general.alignment", kU64, raw<uint64_t>(~0ull), Expect::kReject},
      {"general.alignment", kString, raw_string("32"), Expect::kReject},
      {"split.count", kU16, raw<uint16_t>(2), Expect::kReject},
      {"split.count", kString, raw_string("2"), Expect::kReject},
      {"general.file_type", kU32, raw<uint32_t>(~0u), Expect::kAccept},
      {"tokenizer.ggml.add_bos_token", kI32, raw<int32_t>(-1), Expect::kAccept},
      {"tokenizer.ggml.bos_token_id", kU64, raw<uint64_t>(~0ull), Expect::kAccept},
  };
  const Added& added = random.pick(kAdded);
  Rebuild rebuild(seed);
  Expect expect = added.expect;
  for (size_t i = 0; i < seed.keys.size(); ++i) {
    if (seed.keys[i].name == added.name) expect = Expect::kReject;  // a duplicate
  }
  rebuild.keys.push_back(raw_key(added.name, added.type, added.value));
  return {std::string("key '") + added.name + "' added", expect, rebuild.join(seed)};
}

Mutation hostile_template(const Seed& seed, Random& random) {
  const std::string kTemplates[] = {
      "{% for i in range(1000000000) %}{% endfor %}",
      "{{ 'a' * 2000000000 }}",
      "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% if",
      "{{",
      "{# never closed",
      "{% endfor %}",
      "{{ messages[99999999999999999999] }}",
      "{{ messages[0]['content'] | nothing }}",
      "{{ " + std::string(20000, '(') + "1" + std::string(20000, ')') + " }}",
      "{{ " + std::string(20000, '-') + "1 }}",
      "{{ raise_exception('refused') }}",
      std::string("\xff\xfe\x00{{ 1 }}", 11),
      "",
      "{{ messages.__class__.__mro__ }}",
      "{{ 1 // 0 }}{{ 1 % 0 }}",
      "{{ 'x' | replace('', 'yyyyyyyy') | replace('y', 'yyyyyyyyyyyy') }}",
  };
  const std::string& text = random.pick(kTemplates);
  constexpr std::string_view kName = "tokenizer.chat_template";
  Rebuild rebuild(seed);
  std::erase_if(rebuild.keys, [&](const std::string& key) { return key.substr(8).starts_with(kName); });
  rebuild.keys.push_back(raw_key(kName, kString, raw_string(text)));
  return {"chat template := " + text.substr(0, 60), Expect::kAccept, rebuild.join(seed)};
}

}  // namespace

const std::vector<Family> kValueFamilies = {
    change_scalar,       change_scalar, change_scalar, change_scalar_type,  scalar_to_array,     drop_key,
    change_number_array, resize_array,  retype_array,  change_string_array, change_string_array, add_key,
    hostile_template,
};

}  // namespace hearth::mutation
