// Attributes, items, slices, iteration; see access.h.
#include "text/jinja/access.h"

#include <algorithm>

#include "text/jinja/limits.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

// What Python objects have beside methods and items: kept from templates by the sandbox, so undefined rather than
// absent.
bool is_internal_name(std::string_view name) {
  constexpr std::string_view kNames[] = {"__class__",        "__doc__",    "__init__",  "__len__", "__str__",
                                         "__repr__",         "__eq__",     "__hash__",  "__dir__", "__new__",
                                         "__getattribute__", "__reduce__", "__sizeof__"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Value unsafe(Interpreter& interpreter, const Value& object, std::string_view name) {
  return interpreter.undefined("access to attribute " + repr_text(name) + " of '" + type_name(object) +
                               "' object is unsafe.");
}

Value number_attribute(const Value& object, std::string_view name) {
  if (!object.is_number()) return Value();
  const bool real = object.is(Kind::kFloat);
  if (name == "real") return real ? object : Value::integer(object.as_integer());
  if (name == "imag") return real ? Value::real(0) : Value::integer(0);
  if (name == "numerator" && !real) return Value::integer(object.as_integer());
  if (name == "denominator" && !real) return Value::integer(1);
  return Value();
}

// A Python attribute of the object; missing if it has none of that name.
Value own_attribute(Interpreter& interpreter, const Value& object, std::string_view name) {
  if (is_internal_name(name) || is_mutating_method(object, name)) return unsafe(interpreter, object, name);
  if (const Method* method = find_method(object, name)) return bind_method(interpreter, object, *method);
  if (object.is_number()) return number_attribute(object, name);
  if (object.is(Kind::kNative)) {
    const Value value = object.native().attribute(interpreter, name);
    return !value.is_missing() && name.starts_with("_") ? unsafe(interpreter, object, name) : value;
  }
  if (object.is(Kind::kRange)) {
    if (name == "start") return Value::integer(object.range().start);
    if (name == "stop") return Value::integer(object.range().stop);
    if (name == "step") return Value::integer(object.range().step);
  }
  if (object.is(Kind::kTuple) && static_cast<SequenceObject*>(object.as_object())->grouped) {
    if (name == "grouper") return object.items()[0];
    if (name == "list") return object.items()[1];
  }
  return Value();
}

Value no_attribute(Interpreter& interpreter, const Value& object, std::string_view name) {
  return interpreter.undefined(repr_text(object_description(object)) + " has no attribute " + repr_text(name));
}

// The item of a sequence at a Python index; missing if out of range.
Value sequence_item(Interpreter& interpreter, const Value& object, Integer index) {
  Integer length = 0;
  has_length(interpreter, object, &length);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return Value();
  const auto position = static_cast<int64_t>(index);
  if (object.is_sequence()) return object.items()[static_cast<size_t>(position)];
  if (object.is(Kind::kRange)) return Value::integer(object.range().at(position));
  return character_at(interpreter, object.string(), position);
}

class SequenceIterator final : public Iterator {
 public:
  explicit SequenceIterator(Value sequence) : sequence_(std::move(sequence)) {}
  bool next(Interpreter&, Value* item) override {
    if (sequence_.is_missing() || position_ >= sequence_.items().size()) return false;
    *item = sequence_.items()[position_++];
    return true;
  }
  void clear() override { sequence_ = Value(); }

 private:
  Value sequence_;
  size_t position_ = 0;
};

class DictIterator final : public Iterator {
 public:
  DictIterator(Value holder, const DictObject* dict, DictViewObject::Part part)
      : holder_(std::move(holder)), dict_(dict), part_(part) {}
  bool next(Interpreter& interpreter, Value* item) override {
    if (holder_.is_missing() || position_ >= dict_->entries().size()) return false;
    const auto& [key, value] = dict_->entries()[position_++];
    switch (part_) {
      case DictViewObject::Part::kKeys:
        *item = key;
        break;
      case DictViewObject::Part::kValues:
        *item = value;
        break;
      case DictViewObject::Part::kItems:
        *item = interpreter.tuple({key, value});
        break;
    }
    return true;
  }
  void clear() override { holder_ = Value(); }

 private:
  Value holder_;
  const DictObject* dict_;
  DictViewObject::Part part_;
  size_t position_ = 0;
};

class CharacterIterator final : public Iterator {
 public:
  explicit CharacterIterator(Value string) : string_(std::move(string)) {}
  bool next(Interpreter& interpreter, Value* item) override {
    if (string_.is_missing() || position_ >= string_.text().size()) return false;
    const size_t start = position_;
    decode(string_.text(), &position_);
    *item = interpreter.string(std::string(string_.text().substr(start, position_ - start)));
    return true;
  }
  void clear() override { string_ = Value(); }

 private:
  Value string_;
  size_t position_ = 0;
};

class RangeIterator final : public Iterator {
 public:
  explicit RangeIterator(const RangeObject& range) : start_(range.start), step_(range.step), left_(range.length()) {}
  bool next(Interpreter&, Value* item) override {
    if (left_ == 0) return false;
    *item = Value::integer(start_);
    start_ += step_;
    --left_;
    return true;
  }

 private:
  int64_t start_, step_, left_;
};

// The bounds of a slice over `length` items, as Python's slice.indices gives them.
struct SliceBounds {
  int64_t start, stop, step, count;
};

SliceBounds slice_bounds(int64_t length, const Value& start, const Value& stop, const Value& step) {
  SliceBounds bounds{0, 0, 1, 0};
  if (!step.is_none()) bounds.step = require_index(step, "slice indices");
  if (bounds.step == 0) fail("slice step cannot be zero");
  const bool back = bounds.step < 0;
  const auto clamp = [&](const Value& value, int64_t otherwise) {
    if (value.is_none()) return otherwise;
    int64_t index = require_index(value, "slice indices");
    if (index < 0) return std::max<int64_t>(index + length, back ? -1 : 0);
    return std::min(index, back ? length - 1 : length);
  };
  bounds.start = clamp(start, back ? length - 1 : 0);
  bounds.stop = clamp(stop, back ? -1 : length);
  if (back && bounds.start > bounds.stop) bounds.count = (bounds.start - bounds.stop - 1) / -bounds.step + 1;
  if (!back && bounds.start < bounds.stop) bounds.count = (bounds.stop - bounds.start - 1) / bounds.step + 1;
  return bounds;
}

std::string slice_text(const StringObject& string, const SliceBounds& bounds) {
  if (bounds.count == 0) return "";
  if (bounds.step == 1) {
    const auto start = static_cast<size_t>(bounds.start), count = static_cast<size_t>(bounds.count);
    if (string.ascii()) return std::string(string.text().substr(start, count));
    const size_t first = byte_offset(string.text(), start);
    const std::string_view rest = string.text().substr(first);
    return std::string(rest.substr(0, byte_offset(rest, count)));
  }
  std::string result;
  const std::u32string characters = string.ascii() ? std::u32string() : decode_all(string.text());
  for (int64_t i = 0; i < bounds.count; ++i) {
    const auto at = static_cast<size_t>(bounds.start + i * bounds.step);
    if (string.ascii()) {
      result.push_back(string.text()[at]);
    } else {
      append_utf8(&result, characters[at]);
    }
  }
  return result;
}

}  // namespace

std::string object_description(const Value& object) {
  if (object.is_none()) return "None";
  if (object.is(Kind::kNative)) return std::string("jinja2.") + type_name(object) + " object";
  return std::string(type_name(object)) + " object";
}

Value get_attribute(Interpreter& interpreter, const Value& object, std::string_view name) {
  if (object.is_undefined()) fail_undefined(object);
  Value value = own_attribute(interpreter, object, name);
  if (!value.is_missing()) return value;
  if (object.is(Kind::kDict)) {
    if (const Value* item = object.dict().find(name)) return *item;
  }
  return no_attribute(interpreter, object, name);
}

Value get_item(Interpreter& interpreter, const Value& object, const Value& key) {
  if (object.is_undefined()) fail_undefined(object);
  if (object.is(Kind::kDict)) {
    const bool hashable = !key.is(Kind::kList) && !key.is(Kind::kDict) && !key.is(Kind::kDictView);
    if (const Value* item = hashable ? object.dict().find(key) : nullptr) return *item;
  } else if (key.is_integral() && (object.is_sequence() || object.is(Kind::kRange) || object.is_string())) {
    const Value item = sequence_item(interpreter, object, key.as_integer());
    if (!item.is_missing()) return item;
  }
  if (!key.is_string()) {
    return interpreter.undefined(object_description(object) + " has no element " + to_repr(interpreter, key));
  }
  Value value = own_attribute(interpreter, object, key.text());
  return value.is_missing() ? no_attribute(interpreter, object, key.text()) : value;
}

Value get_slice(Interpreter& interpreter, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  if (object.is_undefined()) fail_undefined(object);
  if (!object.is_sequence() && !object.is_string() && !object.is(Kind::kRange)) {
    fail("'" + std::string(type_name(object)) + "' object cannot be sliced");
  }
  Integer length = 0;
  has_length(interpreter, object, &length);
  const SliceBounds bounds = slice_bounds(static_cast<int64_t>(length), start, stop, step);
  if (object.is_string()) {
    interpreter.work(object.text().size());
    interpreter.heap().ensure(object.text().size() * sizeof(char32_t));
    return interpreter.string(slice_text(object.string(), bounds), object.string().markup());
  }
  if (object.is(Kind::kRange)) {
    const RangeObject& range = object.range();
    const Integer range_step = static_cast<Integer>(range.step) * bounds.step;
    if (range_step > kMaxRangeBound || range_step < -kMaxRangeBound) fail("the step of a range is too large");
    return interpreter.range(range.at(bounds.start), range.at(bounds.stop), static_cast<int64_t>(range_step));
  }
  interpreter.step(static_cast<uint64_t>(bounds.count));
  interpreter.heap().ensure(static_cast<size_t>(bounds.count) * sizeof(Value));
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(bounds.count));
  for (int64_t i = 0; i < bounds.count; ++i) {
    items.push_back(object.items()[static_cast<size_t>(bounds.start + i * bounds.step)]);
  }
  return object.is(Kind::kList) ? interpreter.list(std::move(items)) : interpreter.tuple(std::move(items));
}

Value character_at(Interpreter& interpreter, const StringObject& string, int64_t index) {
  const std::string_view text = string.text();
  auto start = static_cast<size_t>(index);
  if (!string.ascii()) {
    interpreter.work(text.size());
    start = byte_offset(text, start);
  }
  size_t end = start;
  decode(text, &end);
  return interpreter.string(std::string(text.substr(start, end - start)), string.markup());
}

bool has_length(Interpreter& interpreter, const Value& value, Integer* length) {
  switch (value.kind()) {
    case Kind::kUndefined:
      *length = 0;
      return true;
    case Kind::kString:
      *length = static_cast<Integer>(value.string().characters());
      return true;
    case Kind::kList:
    case Kind::kTuple:
      *length = static_cast<Integer>(value.items().size());
      return true;
    case Kind::kDict:
      *length = static_cast<Integer>(value.dict().entries().size());
      return true;
    case Kind::kDictView:
      *length = static_cast<Integer>(value.dict_view().dict().entries().size());
      return true;
    case Kind::kRange:
      *length = value.range().length();
      return true;
    case Kind::kNative:
      return value.native().length(interpreter, length);
    default:
      return false;
  }
}

Integer length_of(Interpreter& interpreter, const Value& value) {
  Integer length = 0;
  if (!has_length(interpreter, value, &length))
    fail("object of type '" + std::string(type_name(value)) + "' has no len()");
  return length;
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kNone:
    case Kind::kBool:
    case Kind::kInteger:
    case Kind::kFloat:
      return false;
    case Kind::kNative: {
      const std::string_view type = value.native().type_name();
      return type == "LoopContext";
    }
    default:
      return true;
  }
}

Value iterate(Interpreter& interpreter, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return interpreter.iterator<SequenceIterator>(Value());
    case Kind::kList:
    case Kind::kTuple:
      return interpreter.iterator<SequenceIterator>(value);
    case Kind::kDict:
      return interpreter.iterator<DictIterator>(value, &value.dict(), DictViewObject::Part::kKeys);
    case Kind::kDictView:
      return interpreter.iterator<DictIterator>(value, &value.dict_view().dict(), value.dict_view().part());
    case Kind::kString:
      return interpreter.iterator<CharacterIterator>(value);
    case Kind::kRange:
      return interpreter.iterator<RangeIterator>(value.range());
    case Kind::kIterator:
      return value;
    default:
      fail("'" + std::string(type_name(value)) + "' object is not iterable");
  }
}

std::vector<Value> collect(Interpreter& interpreter, const Value& value) {
  std::vector<Value> items;
  if (value.is_sequence()) {
    interpreter.step(value.items().size());
    interpreter.heap().ensure(value.items().size() * sizeof(Value));
    return value.items();
  }
  const Value source = iterate(interpreter, value);
  Reservation reservation(interpreter.heap());
  Value item;
  while (source.iterator().next(interpreter, &item)) {
    interpreter.step();
    reservation.grow(sizeof(Value));
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace hearth::text::jinja
