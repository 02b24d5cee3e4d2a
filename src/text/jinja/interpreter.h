// One render of a bound template: variables, output, budget, evaluation.
//
// Contract: made for one render and thrown away; every node evaluated, loop turn and bulk operation is counted against
// limits.h. Throws TemplateError. Not here: operators (operators.h), filters and tests (registry.h), methods
// (methods.h).
#pragma once

#include <chrono>
#include <ctime>
#include <exception>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "text/jinja/ast.h"
#include "text/jinja/template_error.h"
#include "text/jinja/value.h"

namespace hearth::text::jinja {

// A counted reference to a heap object that is no Value.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) retain(object_);
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) release(object_);
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }

 private:
  T* object_ = nullptr;
};

// The variables of one call of a Function.
class FrameObject final : public Object {
 public:
  FrameObject(int slots, Ref<FrameObject> outer) : slots(static_cast<size_t>(slots)), outer(std::move(outer)) {}
  void clear() override {
    std::vector<Value>().swap(slots);
    outer = Ref<FrameObject>();
  }
  std::vector<Value> slots;
  Ref<FrameObject> outer;
};

// Text being written. Its bytes count as heap.
class Buffer {
 public:
  explicit Buffer(Heap& heap) : heap_(heap) {}
  ~Buffer() { heap_.discharge(text_.size()); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void append(std::string_view text);
  std::string take();

 private:
  Heap& heap_;
  std::string text_;
};

enum class Flow : uint8_t { kNext, kBreak, kContinue };

class Interpreter {
 public:
  Interpreter(const TemplateTree& tree, const nlohmann::ordered_json& variables, const std::tm* now);
  std::string run();
  int line() const { return line_; }

  // Budget.
  void step(uint64_t steps = 1) {
    steps_ += steps;
    if (steps_ >= next_check_) check_budget();
  }
  void work(size_t bytes);  // bulk work on so many bytes
  class Depth {             // one level of nested evaluation
   public:
    explicit Depth(Interpreter& interpreter) : interpreter_(interpreter) { interpreter_.enter_level(); }
    ~Depth() { --interpreter_.depth_; }

   private:
    Interpreter& interpreter_;
  };

  // New values.
  Heap& heap() { return heap_; }
  Value string(std::string text, bool markup = false);
  Value borrowed_string(std::string_view text);
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  Value dict_view(const Value& dict, DictViewObject::Part part);
  DictObject* new_dict();
  void set_item(DictObject* dict, Value key, Value value);
  Value range(int64_t start, int64_t stop, int64_t step);
  Value undefined(std::string message);
  template <class T, class... Args>
  Value native(Args&&... args) {
    return Value::object(Kind::kNative, heap_.make<T>(0, std::forward<Args>(args)...));
  }
  template <class T, class... Args>
  Value iterator(Args&&... args) {
    return Value::object(Kind::kIterator, heap_.make<T>(0, std::forward<Args>(args)...));
  }
  Value from_json(const nlohmann::ordered_json& json, int depth = 0);  // strings are borrowed from `json`

  // Evaluation.
  Value evaluate(const Expression& node);
  Value call(const Value& callee, Arguments& arguments);
  Value call_expression(const Expression& node, const Value* caller);
  Value apply_filter(const Expression& node, const Value& subject);
  Value apply_block_filter(const Expression& node, const Value& text);
  Arguments evaluate_arguments(const Expression& node);
  void assign(const Expression& target, const Value& value);
  Flow execute(const Body& body);
  void enter_scope(const Scope& scope);
  void leave_scope(const Scope& scope);
  Value& variable(const SlotRef& slot);
  const Ref<FrameObject>& frame() const { return frame_; }
  // Runs `body` with `frame` as its variables, writing to a buffer of its own; gives what was written.
  template <class Run>
  std::string run_function(Ref<FrameObject> frame, Run&& run) {
    const Depth depth(*this);
    const Switch restore(*this);
    Buffer buffer(heap_);
    frame_ = std::move(frame);
    out_ = &buffer;
    run();
    return buffer.take();
  }
  template <class Run>
  Value run_in_frame(Ref<FrameObject> frame, Run&& run) {
    const Switch restore(*this);
    frame_ = std::move(frame);
    return run();
  }
  Ref<FrameObject> new_frame(const Function& function, Ref<FrameObject> outer);
  void write(std::string_view text) { out_->append(text); }
  std::string local_time(const std::string& format) const;
  void set_line(int line) { line_ = line; }

 private:
  // Puts variables, output and line back at the end of a call.
  class Switch {
   public:
    explicit Switch(Interpreter& interpreter)
        : interpreter_(interpreter), frame_(interpreter.frame_), out_(interpreter.out_), line_(interpreter.line_) {}
    ~Switch() {
      interpreter_.frame_ = std::move(frame_);
      interpreter_.out_ = out_;
      // An error keeps the line where it arose.
      if (std::uncaught_exceptions() == exceptions_) interpreter_.line_ = line_;
    }

   private:
    Interpreter& interpreter_;
    Ref<FrameObject> frame_;
    Buffer* out_;
    int line_;
    int exceptions_ = std::uncaught_exceptions();
  };

  void check_budget();
  void enter_level();
  Value resolve(const std::string& name);
  Value evaluate_node(const Expression& node);
  Value evaluate_logic(const Expression& node);
  Value evaluate_compare(const Expression& node);
  Value evaluate_arithmetic(const Expression& node);
  Value evaluate_concat(const Expression& node);
  Value evaluate_dict(const Expression& node);
  Value evaluate_item(const Expression& node);
  Value evaluate_test(const Expression& node);
  std::vector<Value> evaluate_items(const Expression& node);
  Flow execute_statement(const Statement& node);
  void write_values(const Statement& node);
  Flow execute_if(const Statement& node);
  Flow execute_scope(const Statement& node);
  void execute_set(const Statement& node);
  Flow execute_for(const Statement& node);
  void write_block_result(const Value& result);
  void execute_block(const Statement& node);
  void execute_macro(const Statement& node);
  void execute_call_block(const Statement& node);
  void export_names(const Statement& node);
  void check_namespaces(const Expression& target);
  Flow run_loop(const Statement& node, const Value& iterable, const Value& recurse, int64_t depth);
  Value filtered(const Statement& node, const Value& iterable, Ref<FrameObject> outer);
  friend class RecursiveLoop;

  Heap heap_;  // first: outlives every value below
  const TemplateTree& tree_;
  const nlohmann::ordered_json& variables_;
  const std::tm* now_;
  std::unordered_map<std::string, Value> context_;   // what names resolve to: variables, globals
  std::unordered_map<std::string, Value> exported_;  // assigned at the top level
  Ref<FrameObject> frame_;
  Buffer* out_ = nullptr;
  uint64_t steps_ = 0;
  uint64_t next_check_ = 0;
  std::chrono::steady_clock::time_point deadline_;
  int depth_ = 0;
  int line_ = 1;
};

}  // namespace hearth::text::jinja
