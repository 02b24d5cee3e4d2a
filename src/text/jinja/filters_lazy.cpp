// Filters that give generators: map, select and its kin, batch, slice, items, unique, reverse; see registry.h.
#include <algorithm>

#include "text/jinja/registry.h"

#include "text/jinja/access.h"
#include "text/jinja/attribute_path.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"

namespace hearth::text::jinja {

namespace {

// A generator over the items of a value, whose iteration starts with the first item asked for.
class SourceIterator : public Iterator {
 public:
  explicit SourceIterator(Value source) : source_(std::move(source)) {}
  void clear() override { source_ = iterator_ = Value(); }

 protected:
  // `only_if_true`: an empty or false value is not iterated at all.
  bool next_source(Interpreter& interpreter, Value* item, bool only_if_true = true) {
    const Interpreter::Depth depth(interpreter);
    interpreter.step();
    if (iterator_.is_missing()) {
      if (source_.is_missing() || (only_if_true && !truth(interpreter, source_))) return false;
      iterator_ = iterate(interpreter, source_);
    }
    return iterator_.iterator().next(interpreter, item);
  }

 private:
  Value source_, iterator_;
};

class MapIterator final : public SourceIterator {
 public:
  MapIterator(Value source, AttributePath path, Value otherwise)
      : SourceIterator(std::move(source)), path_(std::move(path)), otherwise_(std::move(otherwise)) {}
  MapIterator(Value source, std::string filter, Arguments arguments)
      : SourceIterator(std::move(source)), filter_(std::move(filter)), arguments_(std::move(arguments)) {}

  bool next(Interpreter& interpreter, Value* item) override {
    if (!next_source(interpreter, item)) return false;
    if (filter_.empty()) {
      *item = path_.follow(interpreter, *item, otherwise_);
      return true;
    }
    const FilterEntry* filter = find_filter(filter_);
    if (filter == nullptr) fail("No filter named " + repr_text(filter_) + ".");
    const Interpreter::Depth depth(interpreter);
    Arguments arguments = arguments_;
    *item = filter->apply(interpreter, *item, arguments);
    return true;
  }
  void clear() override {
    SourceIterator::clear();
    path_.clear();
    otherwise_ = Value();
    arguments_ = Arguments();
  }

 private:
  AttributePath path_;
  Value otherwise_;
  std::string filter_;
  Arguments arguments_;
};

class SelectIterator final : public SourceIterator {
 public:
  SelectIterator(Value source, AttributePath path, std::string test, Arguments arguments, bool wanted)
      : SourceIterator(std::move(source)),
        path_(std::move(path)),
        test_(std::move(test)),
        arguments_(std::move(arguments)),
        wanted_(wanted) {}

  bool next(Interpreter& interpreter, Value* item) override {
    while (next_source(interpreter, item)) {
      if (holds(interpreter, path_.follow(interpreter, *item)) == wanted_) return true;
    }
    return false;
  }
  void clear() override {
    SourceIterator::clear();
    path_.clear();
    arguments_ = Arguments();
  }

 private:
  bool holds(Interpreter& interpreter, const Value& value) {
    if (test_.empty()) return truth(interpreter, value);
    const TestEntry* test = find_test(test_);
    if (test == nullptr) fail("No test named " + repr_text(test_) + ".");
    Arguments arguments = arguments_;
    return test->holds(interpreter, value, arguments);
  }

  AttributePath path_;
  std::string test_;  // empty: truth
  Arguments arguments_;
  bool wanted_;
};

Value map(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  if (arguments.positional.empty()) {
    const Parameters given(arguments, "map", {"attribute", "default"});
    if (!given.has(0)) fail("map requires a filter argument");
    return interpreter.iterator<MapIterator>(subject, AttributePath(interpreter, given[0]), given[1]);
  }
  if (!arguments.positional[0].is_string())
    fail("No filter named " + to_repr(interpreter, arguments.positional[0]) + ".");
  std::string name(arguments.positional[0].text());
  arguments.positional.erase(arguments.positional.begin());
  return interpreter.iterator<MapIterator>(subject, std::move(name), std::move(arguments));
}

template <bool kWanted, bool kAttribute>
Value select(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  AttributePath path;
  size_t used = 0;
  if (kAttribute) {
    if (arguments.positional.empty()) fail("Missing parameter for attribute name");
    path = AttributePath(interpreter, arguments.positional[used++]);
  }
  std::string test;
  if (used < arguments.positional.size()) {
    const Value& name = arguments.positional[used++];
    if (!name.is_string() || name.text().empty()) fail("No test named " + to_repr(interpreter, name) + ".");
    test = name.text();
  }
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<ptrdiff_t>(used), arguments.positional.end());
  if (!test.empty()) rest.keywords = arguments.keywords;
  return interpreter.iterator<SelectIterator>(subject, std::move(path), std::move(test), std::move(rest), kWanted);
}

class BatchIterator final : public SourceIterator {
 public:
  BatchIterator(Value source, int64_t count, Value fill)
      : SourceIterator(std::move(source)), count_(count), fill_(std::move(fill)) {}
  bool next(Interpreter& interpreter, Value* item) override {
    if (done_) return false;
    std::vector<Value> line;
    Reservation reservation(interpreter.heap());
    if (!first_.is_missing()) line.push_back(std::exchange(first_, Value()));
    Value one;
    while (next_source(interpreter, &one, false)) {
      if (static_cast<int64_t>(line.size()) == count_) {
        first_ = std::move(one);
        *item = interpreter.list(std::move(line));
        return true;
      }
      reservation.grow(sizeof(Value));
      line.push_back(std::move(one));
    }
    done_ = true;
    if (line.empty()) return false;
    while (!fill_.is_missing() && !fill_.is_none() && static_cast<int64_t>(line.size()) < count_) {
      interpreter.step();
      reservation.grow(sizeof(Value));
      line.push_back(fill_);
    }
    *item = interpreter.list(std::move(line));
    return true;
  }
  void clear() override {
    SourceIterator::clear();
    fill_ = first_ = Value();
  }

 private:
  int64_t count_;
  Value fill_, first_;
  bool done_ = false;
};

Value batch(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "batch", {"linecount", "fill_with"}, 1);
  return interpreter.iterator<BatchIterator>(subject, require_index(given[0], "linecount"), given[1]);
}

class SliceIterator final : public SourceIterator {
 public:
  SliceIterator(Value source, int64_t slices, Value fill)
      : SourceIterator(std::move(source)), slices_(slices), fill_(std::move(fill)) {}
  bool next(Interpreter& interpreter, Value* item) override {
    if (number_ == 0) {
      Value one;
      Reservation reservation(interpreter.heap());
      while (next_source(interpreter, &one, false)) {
        reservation.grow(sizeof(Value));
        items_.push_back(std::move(one));
      }
      if (slices_ == 0) fail("integer division or modulo by zero");
    }
    if (number_ >= slices_) return false;
    const auto length = static_cast<int64_t>(items_.size());
    const int64_t extra = length % slices_;
    const int64_t size = length / slices_ + (number_ < extra ? 1 : 0);
    std::vector<Value> part(items_.begin() + position_, items_.begin() + position_ + size);
    if (!fill_.is_missing() && !fill_.is_none() && number_ >= extra) part.push_back(fill_);
    position_ += size;
    ++number_;
    *item = interpreter.list(std::move(part));
    return true;
  }
  void clear() override {
    SourceIterator::clear();
    fill_ = Value();
    items_.clear();
  }

 private:
  int64_t slices_;
  Value fill_;
  std::vector<Value> items_;
  int64_t number_ = 0, position_ = 0;
};

Value slice(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "slice", {"slices", "fill_with"}, 1);
  return interpreter.iterator<SliceIterator>(subject, require_index(given[0], "slices"), given[1]);
}

class ItemsIterator final : public SourceIterator {
 public:
  explicit ItemsIterator(Value source) : SourceIterator(std::move(source)) {}
  bool next(Interpreter& interpreter, Value* item) override { return next_source(interpreter, item, false); }
};

class FailingItems final : public Iterator {
 public:
  bool next(Interpreter&, Value*) override { fail("Can only get item pairs from a mapping."); }
};

Value items(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "items", {});
  if (subject.is_undefined()) return interpreter.iterator<ItemsIterator>(Value());
  if (!subject.is(Kind::kDict)) return interpreter.iterator<FailingItems>();
  return interpreter.iterator<ItemsIterator>(interpreter.dict_view(subject, DictViewObject::Part::kItems));
}

class UniqueIterator final : public SourceIterator {
 public:
  UniqueIterator(Value source, Value seen, AttributePath path, bool case_sensitive)
      : SourceIterator(std::move(source)),
        seen_(std::move(seen)),
        path_(std::move(path)),
        case_sensitive_(case_sensitive) {}
  bool next(Interpreter& interpreter, Value* item) override {
    while (next_source(interpreter, item, false)) {
      auto* seen = static_cast<DictObject*>(seen_.as_object());
      Value key = case_key(interpreter, path_.follow(interpreter, *item), case_sensitive_);
      if (seen->find(key) != nullptr) continue;
      interpreter.set_item(seen, std::move(key), Value::none());
      return true;
    }
    return false;
  }
  void clear() override {
    SourceIterator::clear();
    seen_ = Value();
    path_.clear();
  }

 private:
  Value seen_;
  AttributePath path_;
  bool case_sensitive_;
};

Value unique(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "unique", {"case_sensitive", "attribute"});
  return interpreter.iterator<UniqueIterator>(subject, Value::object(Kind::kDict, interpreter.new_dict()),
                                              AttributePath(interpreter, given[1]),
                                              given.has(0) && truth(interpreter, given[0]));
}

class ReverseIterator final : public Iterator {
 public:
  explicit ReverseIterator(Value list) : list_(std::move(list)), left_(list_.items().size()) {}
  bool next(Interpreter&, Value* item) override {
    if (left_ == 0 || list_.is_missing()) return false;
    *item = list_.items()[--left_];
    return true;
  }
  void clear() override { list_ = Value(); }

 private:
  Value list_;
  size_t left_;
};

Value reverse(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "reverse", {});
  if (subject.is_string()) return get_slice(interpreter, subject, Value::none(), Value::none(), Value::integer(-1));
  std::vector<Value> all = collect(interpreter, subject);
  if (subject.is(Kind::kIterator) || subject.is_undefined()) {  // Python has no reversed() for these: a list comes back
    std::reverse(all.begin(), all.end());
    return interpreter.list(std::move(all));
  }
  return interpreter.iterator<ReverseIterator>(interpreter.list(std::move(all)));
}

constexpr FilterEntry kFilters[] = {
    {"map", map},
    {"select", select<true, false>},
    {"reject", select<false, false>},
    {"selectattr", select<true, true>},
    {"rejectattr", select<false, true>},
    {"batch", batch},
    {"slice", slice},
    {"items", items},
    {"unique", unique},
    {"reverse", reverse},
};

}  // namespace

std::span<const FilterEntry> lazy_filters() {
  return kFilters;
}

}  // namespace hearth::text::jinja
