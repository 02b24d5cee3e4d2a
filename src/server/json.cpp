// Contract and exclusions: server/json.h.
#include "server/json.h"

#include <algorithm>
#include <unordered_map>

namespace hearth::server {

namespace {

constexpr size_t kMaxMembers = 65536;     // of one object: the names that are known are looked for one by one
constexpr int64_t kMaxValues = 4 << 20;   // in one text: each takes many times its bytes

// Builds the tree as the library's own builder does, the last value of a name that comes twice included; but that one looks
// through all members for each new one, so that a megabyte of names would keep it busy for minutes.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  Json take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return refuse("there is no binary data in JSON"); }
  bool start_object(std::size_t) override { return add(Json::object()) && enter(); }
  bool start_array(std::size_t) override { return add(Json::array()) && enter(); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool end_object() override {
    join_twins(open_.back()->get_ref<Json::object_t&>());
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 8: syntax error ..."
    std::string reason = error.what();
    if (const size_t end = reason.find("] "); end != std::string::npos) reason.erase(0, end + 2);
    return refuse("the request body is not valid JSON: " + reason);
  }

 private:
  using Members = std::vector<std::pair<const std::string, Json>, Json::object_t::allocator_type>;

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool enter() {
    open_.push_back(added_);
    return true;
  }

  bool add(Json value) {
    if (++values_ > kMaxValues) return refuse("the request body has more than " + std::to_string(kMaxValues) + " values");
    if (open_.empty()) {
      root_ = std::move(value);
      added_ = &root_;
    } else if (open_.back()->is_array()) {
      added_ = &open_.back()->emplace_back(std::move(value));
    } else {
      Members& members = open_.back()->get_ref<Json::object_t&>();
      if (members.size() == kMaxMembers) {
        return refuse("an object of the request body has more than " + std::to_string(kMaxMembers) + " members");
      }
      added_ = &members.emplace_back(std::move(key_), std::move(value)).second;
    }
    return true;
  }

  static void join_twins(Members& members) {
    std::vector<std::string_view> names;
    for (const auto& member : members) names.push_back(member.first);
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) == names.end()) return;
    Members joined;
    std::unordered_map<std::string, size_t> places;
    for (auto& [name, value] : members) {
      const auto [place, fresh] = places.emplace(name, joined.size());
      if (fresh) {
        joined.emplace_back(name, std::move(value));
      } else {
        joined[place->second].second = std::move(value);
      }
    }
    members.swap(joined);
  }

  Json root_;
  std::vector<Json*> open_;  // objects and arrays around the place; only the last one grows
  Json* added_ = nullptr;
  std::string key_, problem_;
  int64_t values_ = 0;
};

// nlohmann's parser is a loop, but its writer and destructor recurse: depth is bounded before a tree exists.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool inside_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        inside_string = false;
      }
    } else if (c == '"') {
      inside_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Checked<Json> parse_json(std::string_view text) {
  if (too_deep(text)) {
    return bad_request("the request body is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }
  TreeBuilder builder;
  if (!Json::sax_parse(text, &builder)) return bad_request(builder.problem());
  return builder.take();
}

Checked<Json> parse_body(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return Json::object();
  Checked<Json> parsed = parse_json(body);
  if (parsed.ok() && !parsed->is_object()) {
    return bad_request(std::string("the request body must be a JSON object, not ") + parsed->type_name());
  }
  return parsed;
}

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* find_member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Checked<std::string> string_member(const Json& object, const char* name) {
  const Json* member = find_member(object, name);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return bad_request(std::string("'") + name + "' must be a string, not " + member->type_name(), name);
  return member->get<std::string>();
}

Checked<bool> bool_member(const Json& object, const char* name, bool otherwise) {
  const Json* member = find_member(object, name);
  if (member == nullptr) return otherwise;
  if (!member->is_boolean()) {
    return bad_request(std::string("'") + name + "' must be true or false, not " + member->type_name(), name);
  }
  return member->get<bool>();
}

}  // namespace hearth::server
