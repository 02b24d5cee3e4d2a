// Identifiers, anchors, references and places of a schema.
//
// Contract: see schema_document.h. Only what is in the document can be referred to.
// Not here: keywords.
#include "text/grammar/schema_document.h"

#include <optional>

namespace hearth::text::grammar {

namespace {

// RFC 3986 resolution as far as identifiers of schemas need it.
std::string join_uris(std::string_view base, std::string_view reference) {
  const size_t colon = reference.find(':'), slash = reference.find('/');
  if (colon != std::string_view::npos && colon > 0 && (slash == std::string_view::npos || colon < slash)) return std::string(reference);
  const size_t scheme = base.find("://");
  const size_t path = scheme == std::string_view::npos ? 0 : base.find('/', scheme + 3);
  if (reference.starts_with('/')) return std::string(base.substr(0, path)) + std::string(reference);
  const size_t last = base.rfind('/');
  if (last == std::string_view::npos || (path == std::string_view::npos)) return std::string(reference);
  return std::string(base.substr(0, last + 1)) + std::string(reference);
}

std::string without_fragment(std::string_view uri) { return std::string(uri.substr(0, uri.find('#'))); }

std::string decode_percent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) {
      const char c = at < text.size() ? text[at] : ' ';
      return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    };
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      out.push_back(static_cast<char>(digit(i + 1) * 16 + digit(i + 2)));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

SchemaDocument::SchemaDocument(JsonValue root) : root_(std::move(root)) { index(); }

void SchemaDocument::index() {
  resources_.push_back({"", &root_});
  struct Visit {
    const JsonValue* node;
    size_t resource;
  };
  std::vector<Visit> open{{&root_, 0}};
  while (!open.empty()) {
    Visit visit = open.back();
    open.pop_back();
    const JsonValue* node = visit.node;
    for (const char* keyword : {"$id", "id"}) {
      const JsonValue* id = node->find(keyword);
      if (id == nullptr || !id->is_string()) continue;
      const std::string uri = join_uris(resources_[visit.resource].uri, without_fragment(id->text));
      const size_t hash = id->text.find('#');
      if (hash != std::string::npos && hash + 1 < id->text.size()) {
        anchors_.try_emplace(uri + id->text.substr(hash), node);  // draft-04: id "#name"
      } else if (node == &root_) {
        resources_[0].uri = uri;
      } else {
        visit.resource = resources_.size();
        resources_.push_back({uri, node});
      }
      break;
    }
    for (const char* keyword : {"$anchor", "$dynamicAnchor"}) {
      const JsonValue* anchor = node->find(keyword);
      if (anchor != nullptr && anchor->is_string()) anchors_.try_emplace(resources_[visit.resource].uri + '#' + anchor->text, node);
    }
    resource_of_[node] = visit.resource;
    for (size_t i = node->items.size(); i-- > 0;) open.push_back({&node->items[i], visit.resource});
  }
}

std::string SchemaDocument::pointer_to(const JsonValue* node) const {
  for (auto made = origins_.find(node); made != origins_.end(); made = origins_.find(node)) node = made->second;
  struct Visit {
    const JsonValue* node;
    size_t next;
  };
  std::vector<Visit> path{{&root_, 0}};
  while (!path.empty() && path.back().node != node) {
    Visit& top = path.back();
    if (top.next == top.node->items.size()) {
      path.pop_back();
    } else {
      path.push_back({&top.node->items[top.next++], 0});
    }
  }
  std::string pointer = "#";
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const size_t index = path[i].next - 1;
    pointer += '/';
    if (path[i].node->is_array()) {
      pointer += std::to_string(index);
      continue;
    }
    for (const char c : path[i].node->names[index]) {
      if (c == '~') pointer += "~0";
      else if (c == '/') pointer += "~1";
      else pointer += c;
    }
  }
  return pointer;
}

Error SchemaDocument::invalid(const JsonValue* node, std::string_view keyword, const std::string& what) const {
  return {ErrorCode::kInvalidArgument, "schema keyword '" + std::string(keyword) + "' at " + pointer_to(node) + ": " + what};
}

Error SchemaDocument::unsupported(const JsonValue* node, std::string_view keyword, const std::string& what) const {
  return {ErrorCode::kUnsupported, "schema keyword '" + std::string(keyword) + "' at " + pointer_to(node) + " cannot be honoured: " + what};
}

const JsonValue* SchemaDocument::follow(const JsonValue* from, std::string_view pointer) const {
  const std::string decoded = decode_percent(pointer);
  size_t at = 0;
  while (at < decoded.size()) {
    const size_t end = std::min(decoded.find('/', at + 1), decoded.size());
    std::string name;
    for (size_t i = at + 1; i < end; ++i) {
      if (decoded[i] == '~' && i + 1 < end && (decoded[i + 1] == '0' || decoded[i + 1] == '1')) {
        name += decoded[++i] == '0' ? '~' : '/';
      } else {
        name += decoded[i];
      }
    }
    if (from->is_array()) {
      const bool digits = !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == std::string::npos;
      if (!digits || std::stoul(name) >= from->items.size()) return nullptr;
      from = &from->items[std::stoul(name)];
    } else {
      from = from->find(name);
      if (from == nullptr) return nullptr;
    }
    at = end;
  }
  return from;
}

Result<const JsonValue*> SchemaDocument::resolve(const JsonValue* node, std::string_view keyword, std::string_view reference) const {
  const auto place = resource_of_.find(node);
  size_t resource = place == resource_of_.end() ? 0 : place->second;
  const std::string uri = without_fragment(reference);
  const std::string_view fragment = reference.size() > uri.size() ? reference.substr(uri.size() + 1) : std::string_view();
  if (!uri.empty()) {
    const std::string wanted = join_uris(resources_[resource].uri, uri);
    std::optional<size_t> found;
    for (size_t i = 0; i < resources_.size() && !found; ++i) {
      if (resources_[i].uri == wanted || resources_[i].uri == uri) found = i;
    }
    if (!found) return unsupported(node, keyword, "'" + std::string(reference) + "' is not in this document, and others are not fetched");
    resource = *found;
  }
  const JsonValue* target = nullptr;
  if (fragment.empty()) {
    target = resources_[resource].node;
  } else if (fragment.starts_with('/')) {
    target = follow(resources_[resource].node, fragment);
    if (target == nullptr) target = follow(&root_, fragment);
  } else {
    for (const std::string& base : {resources_[resource].uri, resources_[0].uri}) {
      const auto anchor = anchors_.find(base + '#' + decode_percent(fragment));
      if (anchor != anchors_.end()) target = anchor->second;
      if (target != nullptr) break;
    }
  }
  if (target == nullptr) return invalid(node, keyword, "nothing is at '" + std::string(reference) + "'");
  return target;
}

const JsonValue* SchemaDocument::add(JsonValue schema, const JsonValue* origin) {
  made_up_.push_back(std::move(schema));
  std::vector<const JsonValue*> open{&made_up_.back()};
  while (!open.empty()) {
    const JsonValue* node = open.back();
    open.pop_back();
    origins_[node] = origin;
    for (const JsonValue& item : node->items) open.push_back(&item);
  }
  return &made_up_.back();
}

JsonValue SchemaDocument::link_to(const JsonValue* schema) {
  JsonValue link = JsonValue::object();
  links_.push_back(schema);
  link.set(kLinkKeyword, JsonValue::number(std::to_string(links_.size() - 1)));
  return link;
}

}  // namespace hearth::text::grammar
