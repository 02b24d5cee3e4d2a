// Values: identity, hash, equality, the ordered dict; see value.h.
#include "text/jinja/value.h"

#include <bit>
#include <cmath>
#include <functional>

#include "text/jinja/limits.h"
#include "text/jinja/template_error.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

constexpr size_t kIndexedFrom = 9;  // entries from which a dict keeps a hash index

thread_local uint64_t comparisons = 0;

void count_comparison(int depth) {
  if (depth > kMaxValueDepth) fail_limit("a value is nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
  if (++comparisons > kMaxComparisons) {
    fail_limit("the template makes more than " + std::to_string(kMaxComparisons) + " comparisons");
  }
}

uint64_t mix(uint64_t a, uint64_t b) {
  a ^= b + 0x9E3779B97F4A7C15ull + (a << 6) + (a >> 2);
  return a * 0xFF51AFD7ED558CCDull;
}

uint64_t hash_text(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

uint64_t hash_integer(Integer i) {
  return mix(static_cast<uint64_t>(i), static_cast<uint64_t>(i >> 64));
}

// Integral floats hash as the integer they equal, because 1 == 1.0 == True in Python.
uint64_t hash_real(double d) {
  if (std::isfinite(d) && std::trunc(d) == d && std::fabs(d) < 1e37) return hash_integer(static_cast<Integer>(d));
  return mix(0x5EED, std::bit_cast<uint64_t>(d));
}

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_integer() == b.as_integer();
  if (a.is(Kind::kFloat) && b.is(Kind::kFloat)) return a.as_real() == b.as_real();
  const double real = a.is(Kind::kFloat) ? a.as_real() : b.as_real();
  const Integer integer = a.is(Kind::kFloat) ? b.as_integer() : a.as_integer();
  if (!std::isfinite(real) || std::trunc(real) != real || std::fabs(real) >= 1e37) return false;
  return static_cast<Integer>(real) == integer;
}

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b, int depth) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!equal_values(a[i], b[i], depth + 1)) return false;
  }
  return true;
}

bool equal_dicts(const DictObject& a, const DictObject& b, int depth) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal_values(value, *other, depth + 1)) return false;
  }
  return true;
}

bool equal_ranges(const RangeObject& a, const RangeObject& b) {
  if (a.length() != b.length()) return false;
  if (a.length() == 0) return true;
  return a.start == b.start && (a.length() == 1 || a.step == b.step);
}

bool equal_views(const DictViewObject& a, const DictViewObject& b, int depth) {
  if (&a == &b) return true;
  if (a.part() != b.part() || a.part() == DictViewObject::Part::kValues) return false;
  if (a.part() == DictViewObject::Part::kItems) return equal_dicts(a.dict(), b.dict(), depth);
  if (a.dict().entries().size() != b.dict().entries().size()) return false;
  for (const auto& entry : a.dict().entries()) {
    if (b.dict().find(entry.first) == nullptr) return false;
  }
  return true;
}

}  // namespace

bool Value::same_object(const Value& other) const {
  if (kind_ != other.kind_) return false;
  if (is_object()) return object_ == other.object_;
  return kind_ == Kind::kFloat ? real_ == other.real_ : integer_ == other.integer_;
}

StringObject::StringObject(std::string text, bool markup)
    : storage_(std::move(text)), text_(storage_), characters_(count_characters(text_)), markup_(markup) {}

StringObject::StringObject(Borrowed, std::string_view text) : text_(text), characters_(count_characters(text)) {}

void start_comparison_count() {
  comparisons = 0;
}

uint64_t hash_value(const Value& value, int depth) {
  count_comparison(depth);
  switch (value.kind()) {
    case Kind::kBool:
    case Kind::kInteger:
      return hash_integer(value.as_integer());
    case Kind::kFloat:
      return hash_real(value.as_real());
    case Kind::kString:
      return hash_text(value.text());
    case Kind::kTuple: {
      uint64_t hash = 0x70713;
      for (const Value& item : value.items()) hash = mix(hash, hash_value(item, depth + 1));
      return hash;
    }
    case Kind::kList:
    case Kind::kDict:
    case Kind::kDictView:
      fail(std::string("unhashable type: '") + type_name(value) + "'");
    case Kind::kRange:
      return mix(static_cast<uint64_t>(value.range().length()), 0x4A46E);
    case Kind::kUndefined:
      return 0xDEF;
    case Kind::kMissing:
    case Kind::kNone:
      return 0x40E;
    case Kind::kIterator:
    case Kind::kNative:
      break;
  }
  return reinterpret_cast<uintptr_t>(value.as_object());
}

bool equal_values(const Value& a, const Value& b, int depth) {
  count_comparison(depth);
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kString:
      return a.text() == b.text();
    case Kind::kList:
    case Kind::kTuple:
      return a.as_object() == b.as_object() || equal_items(a.items(), b.items(), depth);
    case Kind::kDict:
      return a.as_object() == b.as_object() || equal_dicts(a.dict(), b.dict(), depth);
    case Kind::kRange:
      return equal_ranges(a.range(), b.range());
    case Kind::kDictView:
      return equal_views(a.dict_view(), b.dict_view(), depth);
    case Kind::kUndefined:
      return true;
    default:
      return a.same_object(b);
  }
}

size_t DictObject::locate(uint64_t hash, const Value* key, std::string_view text) const {
  const auto matches = [&](size_t position) {
    if (hashes_[position] != hash) return false;
    const Value& candidate = entries_[position].first;
    if (key != nullptr) return equal_values(candidate, *key);
    return candidate.is_string() && candidate.text() == text;
  };
  if (index_.empty()) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (matches(i)) return i;
    }
    return entries_.size();
  }
  for (size_t slot = hash & (index_.size() - 1); index_[slot] != 0; slot = (slot + 1) & (index_.size() - 1)) {
    if (matches(index_[slot] - 1)) return index_[slot] - 1;
  }
  return entries_.size();
}

const Value* DictObject::find(const Value& key) const {
  const size_t position = locate(hash_value(key), &key, {});
  return position == entries_.size() ? nullptr : &entries_[position].second;
}

const Value* DictObject::find(std::string_view key) const {
  const size_t position = locate(hash_text(key), nullptr, key);
  return position == entries_.size() ? nullptr : &entries_[position].second;
}

void DictObject::add_to_index(uint64_t hash, size_t position) {
  size_t slot = hash & (index_.size() - 1);
  while (index_[slot] != 0) slot = (slot + 1) & (index_.size() - 1);
  index_[slot] = static_cast<uint32_t>(position + 1);
}

void DictObject::set(Value key, Value value) {
  const uint64_t hash = hash_value(key);
  const size_t position = locate(hash, &key, {});
  if (position < entries_.size()) {
    entries_[position].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  hashes_.push_back(hash);
  if (entries_.size() < kIndexedFrom) return;
  if (entries_.size() * 2 <= index_.size()) {
    add_to_index(hash, position);
    return;
  }
  index_.assign(std::bit_ceil(entries_.size() * 4), 0);
  for (size_t i = 0; i < entries_.size(); ++i) add_to_index(hashes_[i], i);
}

Value NativeObject::attribute(Interpreter&, std::string_view) {
  return Value();
}

Value NativeObject::call(Interpreter&, Arguments&) {
  fail("'" + std::string(type_name()) + "' object is not callable");
}

bool NativeObject::length(Interpreter&, Integer*) {
  return false;
}

const char* type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInteger:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kString:
      return value.string().markup() ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kDictView:
      switch (value.dict_view().part()) {
        case DictViewObject::Part::kKeys:
          return "dict_keys";
        case DictViewObject::Part::kValues:
          return "dict_values";
        case DictViewObject::Part::kItems:
          return "dict_items";
      }
      return "dict_keys";
    case Kind::kRange:
      return "range";
    case Kind::kIterator:
      return "generator";
    case Kind::kNative:
      return value.native().type_name().data();
  }
  return "object";
}

}  // namespace hearth::text::jinja
