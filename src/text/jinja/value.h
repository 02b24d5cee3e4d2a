// The values a template works on: Python's None, bool, int, float, str, list, tuple, dict, range and their kin.
//
// Contract: a Value is a cheap handle. Objects live on the Heap of one render, are counted references of one thread,
// and are freed with that Heap even when they form a cycle. Constants of a compiled template have no heap: they are
// owned by the template, never counted, never changed, and so may be shared by threads. Not here: what operators and
// filters do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/heap.h"

namespace hearth::text::jinja {

__extension__ typedef __int128 Integer;  // wider than any JSON integer; beyond it arithmetic is an error

enum class Kind : uint8_t {
  kMissing,  // no value at all: an unassigned variable, an absent argument
  kNone,
  kBool,
  kInteger,
  kFloat,
  kUndefined,
  kString,
  kList,
  kTuple,
  kDict,
  kDictView,
  kRange,
  kIterator,
  kNative,
};

class StringObject;
class SequenceObject;
class DictObject;
class DictViewObject;
class RangeObject;
class Iterator;
class NativeObject;
class UndefinedObject;
class Interpreter;

class Value {
 public:
  Value() : kind_(Kind::kMissing), integer_(0) {}
  Value(const Value& other) : kind_(other.kind_), integer_(other.integer_) {
    if (is_object()) retain(object_);
  }
  Value(Value&& other) noexcept : kind_(other.kind_), integer_(other.integer_) { other.kind_ = Kind::kMissing; }
  Value& operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(integer_, other.integer_);
    return *this;
  }
  ~Value() {
    if (is_object()) release(object_);
  }

  static Value none() { return Value(Kind::kNone, Integer{0}); }
  static Value boolean(bool b) { return Value(Kind::kBool, Integer{b}); }
  static Value integer(Integer i) { return Value(Kind::kInteger, i); }
  static Value real(double d) {
    Value value(Kind::kFloat, Integer{0});
    value.real_ = d;
    return value;
  }
  static Value object(Kind kind, Object* object) {  // takes a counted reference of its own
    Value value(kind, Integer{0});
    value.object_ = object;
    retain(object);
    return value;
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_missing() const { return kind_ == Kind::kMissing; }
  bool is_none() const { return kind_ == Kind::kNone; }
  bool is_undefined() const { return kind_ == Kind::kUndefined; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_integral() const { return kind_ == Kind::kInteger || kind_ == Kind::kBool; }
  bool is_number() const { return is_integral() || kind_ == Kind::kFloat; }
  bool is_sequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple; }
  bool is_object() const { return kind_ >= Kind::kUndefined; }

  bool as_bool() const { return integer_ != 0; }
  Integer as_integer() const { return integer_; }
  double as_real() const { return kind_ == Kind::kFloat ? real_ : static_cast<double>(integer_); }
  Object* as_object() const { return object_; }
  inline const StringObject& string() const;
  inline std::string_view text() const;            // of a string
  inline const std::vector<Value>& items() const;  // of a list or tuple
  inline const DictObject& dict() const;
  inline const DictViewObject& dict_view() const;
  inline const RangeObject& range() const;
  inline Iterator& iterator() const;
  inline NativeObject& native() const;
  inline const UndefinedObject& undefined() const;
  bool same_object(const Value& other) const;  // Python's `is`

 private:
  Value(Kind kind, Integer i) : kind_(kind), integer_(i) {}
  Kind kind_;
  union {
    Integer integer_;
    double real_;
    Object* object_;
  };
};

class StringObject final : public Object {
 public:
  explicit StringObject(std::string text, bool markup = false);
  struct Borrowed {};
  StringObject(Borrowed, std::string_view text);  // the text outlives the object
  std::string_view text() const { return text_; }
  size_t characters() const { return characters_; }
  bool ascii() const { return characters_ == text_.size(); }
  bool markup() const { return markup_; }

 private:
  std::string storage_;
  std::string_view text_;
  size_t characters_;
  bool markup_ = false;  // markupsafe.Markup: escapes what it is combined with
};

class SequenceObject final : public Object {
 public:
  explicit SequenceObject(std::vector<Value> items) : items_(std::move(items)) {}
  const std::vector<Value>& items() const { return items_; }
  void clear() override { std::vector<Value>().swap(items_); }
  bool grouped = false;  // a tuple of groupby: has the attributes grouper and list

 private:
  std::vector<Value> items_;
};

// Insertion-ordered map. Filled by its maker; templates cannot change it afterwards.
class DictObject final : public Object {
 public:
  using Entry = std::pair<Value, Value>;
  const std::vector<Entry>& entries() const { return entries_; }
  const Value* find(const Value& key) const;  // null if absent; the key must be hashable
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);
  void clear() override {
    std::vector<Entry>().swap(entries_);
    index_.clear();
  }

 private:
  size_t locate(uint64_t hash, const Value* key, std::string_view text) const;
  void add_to_index(uint64_t hash, size_t position);
  std::vector<Entry> entries_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> index_;  // open addressing, position + 1; empty while there are few entries
};

class DictViewObject final : public Object {
 public:
  enum class Part { kKeys, kValues, kItems };
  DictViewObject(Value dict, Part part) : dict_(std::move(dict)), part_(part) {}
  const DictObject& dict() const { return dict_.dict(); }
  Part part() const { return part_; }
  void clear() override { dict_ = Value(); }

 private:
  Value dict_;
  Part part_;
};

class RangeObject final : public Object {
 public:
  RangeObject(int64_t start, int64_t stop, int64_t step) : start(start), stop(stop), step(step) {}
  int64_t length() const {
    if (step > 0) return stop > start ? (stop - start - 1) / step + 1 : 0;
    return start > stop ? (start - stop - 1) / -step + 1 : 0;
  }
  int64_t at(int64_t i) const { return start + i * step; }
  const int64_t start, stop, step;
};

// A Python generator: gives its items once.
class Iterator : public Object {
 public:
  virtual bool next(Interpreter& interpreter, Value* item) = 0;  // false at the end
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keywords;
};

// Everything else that a template can hold: functions, bound methods, macros, namespaces, loops.
class NativeObject : public Object {
 public:
  virtual std::string_view type_name() const = 0;
  virtual std::string repr(Interpreter& interpreter) const = 0;
  virtual Value attribute(Interpreter& interpreter, std::string_view name);  // missing if there is none
  virtual bool callable() const { return false; }
  virtual Value call(Interpreter& interpreter, Arguments& arguments);
  virtual bool length(Interpreter& interpreter, Integer* length);  // false: has none
};

class UndefinedObject final : public Object {
 public:
  explicit UndefinedObject(std::string hint) : hint_(std::move(hint)) {}
  const std::string& message() const { return hint_; }

 private:
  std::string hint_;
};

inline const StringObject& Value::string() const {
  return *static_cast<const StringObject*>(object_);
}
inline std::string_view Value::text() const {
  return string().text();
}
inline const std::vector<Value>& Value::items() const {
  return static_cast<const SequenceObject*>(object_)->items();
}
inline const DictObject& Value::dict() const {
  return *static_cast<const DictObject*>(object_);
}
inline const DictViewObject& Value::dict_view() const {
  return *static_cast<const DictViewObject*>(object_);
}
inline const RangeObject& Value::range() const {
  return *static_cast<const RangeObject*>(object_);
}
inline Iterator& Value::iterator() const {
  return *static_cast<Iterator*>(object_);
}
inline NativeObject& Value::native() const {
  return *static_cast<NativeObject*>(object_);
}
inline const UndefinedObject& Value::undefined() const {
  return *static_cast<const UndefinedObject*>(object_);
}

// Hash and equality of Python, for dict keys and unique values. hash() fails on a list or dict, as Python does.
// Both count what they look at; a render starts the count anew and fails at kMaxComparisons.
void start_comparison_count();
uint64_t hash_value(const Value& value, int depth = 0);
bool equal_values(const Value& a, const Value& b, int depth = 0);
const char* type_name(const Value& value);  // Python's name of the type: str, dict, NoneType, ...

}  // namespace hearth::text::jinja
