// Budget, values, variables and output of a render; see interpreter.h.
#include "text/jinja/interpreter.h"

#include "nlohmann/json.hpp"
#include "text/jinja/globals.h"
#include "text/jinja/limits.h"

namespace hearth::text::jinja {

void Buffer::append(std::string_view text) {
  if (text.size() > kMaxOutputBytes - text_.size()) {
    fail_limit("the template writes more than " + std::to_string(kMaxOutputBytes >> 20) + " MiB");
  }
  heap_.charge(text.size());
  try {
    text_.append(text);
  } catch (...) {
    heap_.discharge(text.size());
    throw;
  }
}

std::string Buffer::take() {
  heap_.discharge(text_.size());
  return std::exchange(text_, std::string());
}

Interpreter::Interpreter(const TemplateTree& tree, const nlohmann::ordered_json& variables, const std::tm* now)
    : tree_(tree),
      variables_(variables),
      now_(now),
      deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(kMaxWallMilliseconds)) {}

std::string Interpreter::run() {
  next_check_ = kStepsPerClockCheck;
  start_comparison_count();
  add_globals(*this, &context_);
  for (auto entry = variables_.begin(); entry != variables_.end(); ++entry) context_[entry.key()] = from_json(*entry);
  return run_function(new_frame(tree_.function, Ref<FrameObject>()), [&] {
    enter_scope(tree_.scope);
    execute(tree_.body);
  });
}

void Interpreter::check_budget() {
  if (steps_ > kMaxSteps) {
    fail_limit("the template takes more than " + std::to_string(kMaxSteps) + " steps");
  }
  if (std::chrono::steady_clock::now() > deadline_) {
    fail_limit("the template takes longer than " + std::to_string(kMaxWallMilliseconds) + " ms");
  }
  next_check_ = std::min(steps_ + kStepsPerClockCheck, kMaxSteps + 1);
}

void Interpreter::work(size_t bytes) {
  step(bytes / kBytesPerStep);
}

void Interpreter::enter_level() {
  if (++depth_ > kMaxEvaluatorDepth) {
    --depth_;
    fail_limit("the template nests deeper than " + std::to_string(kMaxEvaluatorDepth) + " evaluations");
  }
}

Value Interpreter::string(std::string text, bool markup) {
  work(text.size());
  const size_t bytes = text.size();
  return Value::object(Kind::kString, heap_.make<StringObject>(bytes, std::move(text), markup));
}

Value Interpreter::borrowed_string(std::string_view text) {
  work(text.size());
  return Value::object(Kind::kString, heap_.make<StringObject>(0, StringObject::Borrowed(), text));
}

Value Interpreter::list(std::vector<Value> items) {
  const size_t bytes = items.size() * sizeof(Value);
  return Value::object(Kind::kList, heap_.make<SequenceObject>(bytes, std::move(items)));
}

Value Interpreter::tuple(std::vector<Value> items) {
  const size_t bytes = items.size() * sizeof(Value);
  return Value::object(Kind::kTuple, heap_.make<SequenceObject>(bytes, std::move(items)));
}

Value Interpreter::dict_view(const Value& dict, DictViewObject::Part part) {
  return Value::object(Kind::kDictView, heap_.make<DictViewObject>(0, dict, part));
}

DictObject* Interpreter::new_dict() {
  return heap_.make<DictObject>(0);
}

void Interpreter::set_item(DictObject* dict, Value key, Value value) {
  step();
  heap_.add_charge(dict, sizeof(DictObject::Entry) + 2 * sizeof(uint64_t));
  dict->set(std::move(key), std::move(value));
}

Value Interpreter::range(int64_t start, int64_t stop, int64_t step) {
  return Value::object(Kind::kRange, heap_.make<RangeObject>(0, start, stop, step));
}

Value Interpreter::undefined(std::string message) {
  const size_t bytes = message.size();
  return Value::object(Kind::kUndefined, heap_.make<UndefinedObject>(bytes, std::move(message)));
}

Ref<FrameObject> Interpreter::new_frame(const Function& function, Ref<FrameObject> outer) {
  const size_t bytes = static_cast<size_t>(function.slots) * sizeof(Value);
  return Ref<FrameObject>(heap_.make<FrameObject>(bytes, function.slots, std::move(outer)));
}

Value& Interpreter::variable(const SlotRef& slot) {
  FrameObject* frame = frame_.get();
  for (int i = 0; i < slot.hops; ++i) frame = frame->outer.get();
  return frame->slots[static_cast<size_t>(slot.index)];
}

Value Interpreter::resolve(const std::string& name) {
  const auto exported = exported_.find(name);
  if (exported != exported_.end()) return exported->second;
  const auto found = context_.find(name);
  return found == context_.end() ? Value() : found->second;
}

void Interpreter::enter_scope(const Scope& scope) {
  step();
  for (const Load& load : scope) {
    Value& target = frame_->slots[static_cast<size_t>(load.slot)];
    switch (load.action) {
      case Load::Action::kParameter:
        break;
      case Load::Action::kResolve:
        target = resolve(load.name);
        break;
      case Load::Action::kAlias:
        target = variable(load.source);
        break;
      case Load::Action::kUndefined:
        target = Value();
        break;
    }
  }
}

void Interpreter::leave_scope(const Scope& scope) {
  for (const Load& load : scope) frame_->slots[static_cast<size_t>(load.slot)] = Value();
}

Value Interpreter::from_json(const nlohmann::ordered_json& json, int depth) {
  step();
  if (depth > kMaxValueDepth) {
    fail_limit("a variable is nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
  }
  switch (json.type()) {
    case nlohmann::json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case nlohmann::json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case nlohmann::json::value_t::number_unsigned:
      return Value::integer(static_cast<Integer>(json.get<uint64_t>()));
    case nlohmann::json::value_t::number_float:
      return Value::real(json.get<double>());
    case nlohmann::json::value_t::string:
      return borrowed_string(json.get_ref<const std::string&>());
    case nlohmann::json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(from_json(item, depth + 1));
      return list(std::move(items));
    }
    case nlohmann::json::value_t::object: {
      DictObject* dict = new_dict();
      const Value result = Value::object(Kind::kDict, dict);
      for (auto entry = json.begin(); entry != json.end(); ++entry) {
        set_item(dict, borrowed_string(entry.key()), from_json(*entry, depth + 1));
      }
      return result;
    }
    default:
      return Value::none();
  }
}

}  // namespace hearth::text::jinja
