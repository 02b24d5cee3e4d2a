// Filters that look at whole sequences; see registry.h.
#include <algorithm>

#include "text/jinja/access.h"
#include "text/jinja/attribute_path.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"
#include "text/jinja/registry.h"
#include "text/jinja/sorting.h"

namespace hearth::text::jinja {

namespace {

bool flag(Interpreter& interpreter, const Parameters& given, size_t i) {
  return given.has(i) && truth(interpreter, given[i]);
}

Value length(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "length", {});
  return Value::integer(length_of(interpreter, subject));
}

Value first(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "first", {});
  Value item;
  const Value source = iterate(interpreter, subject);
  if (source.iterator().next(interpreter, &item)) return item;
  return interpreter.undefined("No first item, sequence was empty.");
}

Value last(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "last", {});
  if (subject.is(Kind::kIterator) || !is_iterable(subject)) {
    fail("'" + std::string(type_name(subject)) + "' object is not reversible");
  }
  if (subject.is_undefined()) return interpreter.undefined("No last item, sequence was empty.");
  const std::vector<Value> items = collect(interpreter, subject);
  return items.empty() ? interpreter.undefined("No last item, sequence was empty.") : items.back();
}

Value to_list(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "list", {});
  return interpreter.list(collect(interpreter, subject));
}

Value join(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "join", {"d", "attribute"});
  const std::string separator = given.has(0) ? to_text(interpreter, given[0]) : "";
  const AttributePath path(interpreter, given[1]);
  const Value source = iterate(interpreter, subject);
  Reservation reservation(interpreter.heap());
  std::string text;
  Value item;
  for (bool is_first = true; source.iterator().next(interpreter, &item); is_first = false) {
    interpreter.step();
    const size_t before = text.size();
    if (!is_first) text += separator;
    append_text(interpreter, path.follow(interpreter, item), &text);
    interpreter.work(separator.size());
    reservation.grow(text.size() - before);
  }
  return interpreter.string(std::move(text));
}

struct Keyed {
  Value key, item;
  const Value& operator()(const Keyed& keyed) const { return keyed.key; }
};

std::vector<Keyed> keyed_items(Interpreter& interpreter, const Value& subject) {
  std::vector<Keyed> keyed;
  const std::vector<Value> items = collect(interpreter, subject);
  interpreter.heap().ensure(items.size() * 2 * sizeof(Keyed));
  for (const Value& item : items) keyed.push_back({Value(), item});
  return keyed;
}

Value list_of_items(Interpreter& interpreter, std::vector<Keyed>& keyed) {
  std::vector<Value> items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return interpreter.list(std::move(items));
}

Value sort(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "sort", {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = flag(interpreter, given, 1);
  std::vector<AttributePath> paths;
  if (given.has(2) && given[2].is_string()) {
    std::string_view rest = given[2].text();
    while (true) {
      const size_t comma = rest.find(',');
      paths.emplace_back(interpreter, interpreter.string(std::string(rest.substr(0, comma))));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  } else {
    paths.emplace_back(interpreter, given[2]);
  }
  std::vector<Keyed> keyed = keyed_items(interpreter, subject);
  for (Keyed& entry : keyed) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) {
      keys.push_back(case_key(interpreter, path.follow(interpreter, entry.item), case_sensitive));
    }
    entry.key = interpreter.list(std::move(keys));
  }
  stable_sort_values(interpreter, &keyed, Keyed(), flag(interpreter, given, 0));
  return list_of_items(interpreter, keyed);
}

Value dictsort(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "dictsort", {"case_sensitive", "by", "reverse"});
  const std::string by = given.has(1) ? std::string(given.text(1, "by")) : "key";
  if (by != "key" && by != "value") fail("You can only sort by either \"key\" or \"value\"");
  if (subject.is_undefined()) fail_undefined(subject);
  if (!subject.is(Kind::kDict)) fail("dictsort needs a dict, not " + std::string(type_name(subject)));
  std::vector<Keyed> keyed = keyed_items(interpreter, interpreter.dict_view(subject, DictViewObject::Part::kItems));
  for (Keyed& entry : keyed) {
    entry.key = case_key(interpreter, entry.item.items()[by == "key" ? 0 : 1], flag(interpreter, given, 0));
  }
  stable_sort_values(interpreter, &keyed, Keyed(), flag(interpreter, given, 2));
  return list_of_items(interpreter, keyed);
}

template <bool kMaximum>
Value extreme(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, kMaximum ? "max" : "min", {"case_sensitive", "attribute"});
  const bool case_sensitive = flag(interpreter, given, 0);
  const AttributePath path(interpreter, given[1]);
  const Value source = iterate(interpreter, subject);
  Value item, best, best_key;
  while (source.iterator().next(interpreter, &item)) {
    interpreter.step();
    Value key = case_key(interpreter, path.follow(interpreter, item), case_sensitive);
    const bool better = best.is_missing() || (kMaximum ? compare(interpreter, Operation::kGreater, key, best_key)
                                                       : compare(interpreter, Operation::kLess, key, best_key));
    if (!better) continue;
    best = item;
    best_key = std::move(key);
  }
  return best.is_missing() ? interpreter.undefined("No aggregated item, sequence was empty.") : best;
}

Value sum(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "sum", {"attribute", "start"});
  const AttributePath path(interpreter, given[0]);
  Value total = given.has(1) ? given[1] : Value::integer(0);
  if (total.is_string()) fail("sum() can't sum strings [use ''.join(seq) instead]");
  const Value source = iterate(interpreter, subject);
  Value item;
  while (source.iterator().next(interpreter, &item)) {
    total = arithmetic(interpreter, Operation::kAdd, total, path.follow(interpreter, item));
  }
  return total;
}

Value groupby(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "groupby", {"attribute", "default", "case_sensitive"}, 1);
  const bool case_sensitive = flag(interpreter, given, 2);
  const AttributePath path(interpreter, given[0]);
  std::vector<Keyed> keyed = keyed_items(interpreter, subject);
  for (Keyed& entry : keyed) {
    entry.key = case_key(interpreter, path.follow(interpreter, entry.item, given[1]), case_sensitive);
  }
  stable_sort_values(interpreter, &keyed, Keyed(), false);
  std::vector<Value> groups;
  for (size_t i = 0; i < keyed.size();) {
    size_t end = i;
    std::vector<Value> members;
    for (; end < keyed.size() && equal_values(keyed[end].key, keyed[i].key); ++end) members.push_back(keyed[end].item);
    if (members.empty()) members.push_back(keyed[end++].item);  // NaN equals nothing, itself included
    const Value label = path.follow(interpreter, keyed[i].item, given[1]);
    Value group = interpreter.tuple({case_sensitive ? keyed[i].key : label, interpreter.list(std::move(members))});
    static_cast<SequenceObject*>(group.as_object())->grouped = true;
    groups.push_back(std::move(group));
    i = end;
  }
  return interpreter.list(std::move(groups));
}

constexpr FilterEntry kFilters[] = {
    {"length", length},      {"count", length},      {"first", first}, {"last", last},
    {"list", to_list},       {"join", join},         {"sort", sort},   {"dictsort", dictsort},
    {"min", extreme<false>}, {"max", extreme<true>}, {"sum", sum},     {"groupby", groupby},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() {
  return kFilters;
}

}  // namespace hearth::text::jinja
