// Global names of templates; see globals.h.
#include "text/jinja/globals.h"

#include <ctime>

#include "text/jinja/access.h"
#include "text/jinja/function.h"
#include "text/jinja/limits.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"

namespace hearth::text::jinja {

namespace {

Value make_range(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const Parameters given(arguments, "range", {"/start", "/stop", "/step"}, 1);
  int64_t numbers[3] = {0, 0, 1};
  for (size_t i = 0; i < 3; ++i) {
    if (!given.has(i)) continue;
    numbers[i] = require_index(given[i], "range() arguments");
    if (numbers[i] > kMaxRangeBound || numbers[i] < -kMaxRangeBound) fail("the bounds of range() are too large");
  }
  if (!given.has(1)) std::swap(numbers[0], numbers[1]);
  if (numbers[2] == 0) fail("range() arg 3 must not be zero");
  const Value range = interpreter.range(numbers[0], numbers[1], numbers[2]);
  if (range.range().length() > kMaxRange) {
    fail("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + std::to_string(kMaxRange) + ").");
  }
  return range;
}

// dict(mapping or pairs, name=value, ...)
Value make_dict(Interpreter& interpreter, Arguments& arguments) {
  if (arguments.positional.size() > 1) fail("dict expected at most 1 argument");
  DictObject* dict = interpreter.new_dict();
  Value result = Value::object(Kind::kDict, dict);
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is(Kind::kDict)) {
      for (const auto& [key, value] : source.dict().entries()) interpreter.set_item(dict, key, value);
    } else {
      for (const Value& pair : collect(interpreter, source)) {
        const std::vector<Value> items = collect(interpreter, pair);
        if (items.size() != 2) fail("a dictionary needs a sequence of pairs");
        interpreter.set_item(dict, items[0], items[1]);
      }
    }
  }
  for (auto& [name, value] : arguments.keywords) interpreter.set_item(dict, interpreter.string(name), value);
  return result;
}

Value from_keys(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const Parameters given(arguments, "fromkeys", {"/iterable", "/value"}, 1);
  DictObject* dict = interpreter.new_dict();
  Value result = Value::object(Kind::kDict, dict);
  for (const Value& key : collect(interpreter, given[0])) {
    interpreter.set_item(dict, key, given.has(1) ? given[1] : Value::none());
  }
  return result;
}

class DictFunction final : public NativeObject {
 public:
  std::string_view type_name() const override { return "TemplateDict"; }
  std::string repr(Interpreter&) const override { return "<TemplateDict>"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, Arguments& arguments) override { return make_dict(interpreter, arguments); }
  Value attribute(Interpreter& interpreter, std::string_view name) override {
    return name == "fromkeys" ? interpreter.native<FunctionObject>("fromkeys", Value(), from_keys) : Value();
  }
};

void check_namespace_name(const Value& name) {
  if (name.is_string() && name.text().starts_with("_")) {
    fail("Chat templates cannot store underscore-prefixed attributes on a namespace, but got " +
         repr_text(name.text()) + ". Please rename the attribute.");
  }
}

Value make_namespace(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const Value attributes = make_dict(interpreter, arguments);
  for (const auto& entry : attributes.dict().entries()) check_namespace_name(entry.first);
  return interpreter.native<NamespaceObject>(attributes);
}

class CyclerObject final : public NativeObject {
 public:
  explicit CyclerObject(std::vector<Value> items) : items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  std::string repr(Interpreter&) const override { return "<Cycler>"; }
  Value attribute(Interpreter& interpreter, std::string_view name) override {
    const Value self = Value::object(Kind::kNative, this);
    if (name == "current") return items_[position_];
    if (name == "pos") return Value::integer(static_cast<Integer>(position_));
    if (name == "items") return interpreter.tuple(items_);
    if (name == "next") return interpreter.native<FunctionObject>("next", self, next);
    if (name == "reset") return interpreter.native<FunctionObject>("reset", self, reset);
    return Value();
  }
  void clear() override { items_.clear(); }

 private:
  static Value next(Interpreter&, const Value& self, Arguments& arguments) {
    const Parameters given(arguments, "next", {});
    auto& cycler = static_cast<CyclerObject&>(self.native());
    Value item = cycler.items_[cycler.position_];
    cycler.position_ = (cycler.position_ + 1) % cycler.items_.size();
    return item;
  }
  static Value reset(Interpreter&, const Value& self, Arguments& arguments) {
    const Parameters given(arguments, "reset", {});
    static_cast<CyclerObject&>(self.native()).position_ = 0;
    return Value::none();
  }
  std::vector<Value> items_;
  size_t position_ = 0;
};

Value make_cycler(Interpreter& interpreter, const Value&, Arguments& arguments) {
  if (!arguments.keywords.empty()) fail("cycler() takes no keyword arguments");
  if (arguments.positional.empty()) fail("at least one item has to be provided");
  return interpreter.native<CyclerObject>(arguments.positional);
}

class JoinerObject final : public NativeObject {
 public:
  explicit JoinerObject(Value separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  std::string repr(Interpreter&) const override { return "<Joiner>"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, Arguments& arguments) override {
    const Parameters given(arguments, "joiner", {});
    return std::exchange(used_, true) ? separator_ : interpreter.string("");
  }
  Value attribute(Interpreter&, std::string_view name) override {
    if (name == "sep") return separator_;
    return name == "used" ? Value::boolean(used_) : Value();
  }
  void clear() override { separator_ = Value(); }

 private:
  Value separator_;
  bool used_ = false;
};

Value make_joiner(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const Parameters given(arguments, "joiner", {"sep"});
  return interpreter.native<JoinerObject>(given.has(0) ? given[0] : interpreter.string(", "));
}

Value raise_exception(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const Parameters given(arguments, "raise_exception", {"message"}, 1);
  TemplateError error;
  error.message = to_text(interpreter, given[0]);
  error.verbatim = true;
  throw error;
}

Value strftime_now(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const Parameters given(arguments, "strftime_now", {"format"}, 1);
  return interpreter.string(interpreter.local_time(std::string(given.text(0, "format"))));
}

Value refuse_lipsum(Interpreter&, const Value&, Arguments&) {
  fail_unsupported("lipsum() writes random text, which a chat template has no use for");
}

}  // namespace

std::string NamespaceObject::repr(Interpreter& interpreter) const {
  return "<Namespace " + to_repr(interpreter, attributes_) + ">";
}

Value NamespaceObject::attribute(Interpreter&, std::string_view name) {
  const Value* value = attributes_.dict().find(name);
  return value == nullptr ? Value() : *value;
}

void NamespaceObject::set(Interpreter& interpreter, const Value& name, Value value) {
  check_namespace_name(name);
  auto* dict = static_cast<DictObject*>(attributes_.as_object());
  if (dict->find(name) != nullptr) {
    interpreter.step();
    dict->set(name, std::move(value));
  } else {
    interpreter.set_item(dict, interpreter.string(std::string(name.text())), std::move(value));
  }
}

std::string Interpreter::local_time(const std::string& format) const {
  std::tm now{};
  if (now_ != nullptr) {
    now = *now_;
  } else {
    const std::time_t seconds = std::time(nullptr);
    if (localtime_r(&seconds, &now) == nullptr) fail("the local time is not known");
  }
  if (format.size() > kMaxFormatWidth / 256) fail_limit("a time format is too long");
  if (format.empty()) return "";
  // A leading character tells an empty result from one that does not fit.
  const std::string guarded = "." + format;
  std::string text(format.size() * 128 + 256, '\0');
  text.resize(std::strftime(text.data(), text.size(), guarded.c_str(), &now));
  if (text.empty()) fail("the time format gives too long a text");
  return text.substr(1);
}

void add_globals(Interpreter& interpreter, std::unordered_map<std::string, Value>* names) {
  const auto add = [&](const char* name, FunctionObject::Call call) {
    (*names)[name] = interpreter.native<FunctionObject>(name, Value(), call);
  };
  add("range", make_range);
  add("namespace", make_namespace);
  add("cycler", make_cycler);
  add("joiner", make_joiner);
  add("raise_exception", raise_exception);
  add("strftime_now", strftime_now);
  add("lipsum", refuse_lipsum);
  (*names)["dict"] = interpreter.native<DictFunction>();
}

}  // namespace hearth::text::jinja
