// Contract and exclusions: server/ollama/go_template.h.
#include "server/ollama/go_template.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace hearth::server::ollama {

namespace {

constexpr size_t kMaxTemplateBytes = 64 << 10;
constexpr int kMaxTemplateDepth = 32;

Error template_error(std::string text) { return {ErrorCode::kInvalidArgument, "'template': " + std::move(text)}; }

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

using Field = std::string TemplateFields::*;

std::optional<Field> field_of(std::string_view name) {
  if (name == ".System") return &TemplateFields::system;
  if (name == ".Prompt") return &TemplateFields::prompt;
  if (name == ".Suffix") return &TemplateFields::suffix;
  if (name == ".Response") return &TemplateFields::response;
  return std::nullopt;
}

}  // namespace

struct GoTemplate::Node {
  enum class Kind { kText, kField, kIf, kAnd, kOr, kNot, kEqual, kUnequal };
  Kind kind = Kind::kText;
  std::string text;                              // kText
  Field field = nullptr;                         // kField
  std::vector<std::shared_ptr<Node>> operands;   // of operators; kIf: the condition
  std::vector<std::shared_ptr<Node>> body, otherwise;

  // The value of an expression; empty is false.
  std::string value(const TemplateFields& fields) const {
    const auto truth = [](bool yes) { return std::string(yes ? "true" : ""); };
    switch (kind) {
      case Kind::kText: return text;
      case Kind::kField: return fields.*field;
      case Kind::kNot: return truth(operands[0]->value(fields).empty());
      case Kind::kEqual:
      case Kind::kUnequal:
        return truth((operands[0]->value(fields) == operands[1]->value(fields)) == (kind == Kind::kEqual));
      case Kind::kAnd:
      case Kind::kOr: {
        std::string last;
        for (const auto& operand : operands) {
          last = operand->value(fields);
          if (last.empty() == (kind == Kind::kAnd)) return last;
        }
        return last;
      }
      case Kind::kIf: return "";
    }
    return "";
  }
};

namespace {

using Node = GoTemplate::Node;
using NodePtr = std::shared_ptr<Node>;
using Kind = Node::Kind;

// What stands between {{ and }}.
class Expression {
 public:
  explicit Expression(std::string_view text) : text_(text) {}

  Result<NodePtr> parse() {
    NodePtr node = TRY(pipeline(0));
    skip_space();
    if (position_ < text_.size()) return unknown();
    return node;
  }

 private:
  Error unknown() const {
    return template_error("cannot understand \"" + printable(text_, 60) +
                          "\"; there are .System, .Prompt, .Suffix, .Response, if, else, end, and, or, not, eq, ne");
  }
  void skip_space() {
    while (position_ < text_.size() && is_space(text_[position_])) ++position_;
  }
  std::string_view word() {
    const size_t begin = position_;
    while (position_ < text_.size() && !is_space(text_[position_]) && text_[position_] != '(' && text_[position_] != ')') ++position_;
    return text_.substr(begin, position_ - begin);
  }

  // An operator with its operands, or one operand.
  Result<NodePtr> pipeline(int depth) {
    if (depth > kMaxTemplateDepth) return template_error("expressions are nested too deeply");
    skip_space();
    const size_t begin = position_;
    const std::string_view name = word();
    const std::pair<std::string_view, Kind> operators[] = {
        {"and", Kind::kAnd}, {"or", Kind::kOr}, {"not", Kind::kNot}, {"eq", Kind::kEqual}, {"ne", Kind::kUnequal}};
    for (const auto& [spelling, kind] : operators) {
      if (name != spelling) continue;
      auto node = std::make_shared<Node>();
      node->kind = kind;
      for (skip_space(); position_ < text_.size() && text_[position_] != ')'; skip_space()) {
        node->operands.push_back(TRY(operand(depth)));
      }
      const size_t count = node->operands.size();
      const bool fits = kind == Kind::kNot ? count == 1 : kind == Kind::kAnd || kind == Kind::kOr ? count >= 1 : count == 2;
      if (!fits) return unknown();
      return node;
    }
    position_ = begin;
    return operand(depth);
  }

  Result<NodePtr> operand(int depth) {
    skip_space();
    if (position_ >= text_.size()) return unknown();
    const char first = text_[position_];
    if (first == '(') {
      ++position_;
      NodePtr inner = TRY(pipeline(depth + 1));
      skip_space();
      if (position_ >= text_.size() || text_[position_] != ')') return unknown();
      ++position_;
      return inner;
    }
    auto node = std::make_shared<Node>();
    if (first == '"' || first == '`') {
      const size_t end = text_.find(first, position_ + 1);
      if (end == std::string_view::npos) return unknown();
      node->text = text_.substr(position_ + 1, end - position_ - 1);
      if (first == '"' && node->text.find('\\') != std::string::npos) return unknown();
      position_ = end + 1;
      return node;
    }
    const std::optional<Field> field = field_of(word());
    if (!field) return unknown();
    node->kind = Kind::kField;
    node->field = *field;
    return node;
  }

  std::string_view text_;
  size_t position_ = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view source) : rest_(source) {}

  Result<std::vector<NodePtr>> parse() {
    std::vector<NodePtr> nodes;
    TRY(list(&nodes, 0));
    if (!ending_.empty()) return template_error("there is an {{" + std::string(ending_) + "}} too many");
    return nodes;
  }

 private:
  static void add_text(std::vector<NodePtr>* nodes, std::string_view text) {
    if (text.empty()) return;
    nodes->push_back(std::make_shared<Node>());
    nodes->back()->text = text;
  }

  // Up to the end of the source, or to an "else" or "end", which is then in ending_.
  Result<void> list(std::vector<NodePtr>* nodes, int depth) {
    if (depth > kMaxTemplateDepth) return template_error("blocks are nested too deeply");
    for (ending_ = {};;) {
      const size_t open = rest_.find("{{");
      std::string_view text = rest_.substr(0, open);
      if (trims_next_) {
        while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
      }
      if (open == std::string_view::npos) {
        add_text(nodes, text);
        rest_ = {};
        return {};
      }
      rest_.remove_prefix(open + 2);
      if (rest_.size() >= 2 && rest_[0] == '-' && is_space(rest_[1])) {
        while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
        rest_.remove_prefix(1);
      }
      add_text(nodes, text);
      const std::string_view action = TRY(take_action());
      if (action.starts_with("/*") && action.ends_with("*/")) continue;
      if (action == "end" || action == "else" || action.starts_with("else ")) {
        ending_ = action;
        return {};
      }
      if (action.starts_with("if ")) {
        nodes->push_back(TRY(block(action.substr(3), depth)));
      } else {
        nodes->push_back(TRY(Expression(action).parse()));
      }
    }
  }

  Result<std::string_view> take_action() {
    const size_t close = rest_.find("}}");
    if (close == std::string_view::npos) return template_error("a {{ is not closed");
    std::string_view action = rest_.substr(0, close);
    rest_.remove_prefix(close + 2);
    trims_next_ = action.size() >= 2 && action.back() == '-' && is_space(action[action.size() - 2]);
    if (trims_next_) action.remove_suffix(1);
    return trim(action);
  }

  Result<NodePtr> block(std::string_view condition, int depth) {
    auto node = std::make_shared<Node>();
    node->kind = Kind::kIf;
    node->operands.push_back(TRY(Expression(condition).parse()));
    TRY(list(&node->body, depth + 1));
    if (ending_.starts_with("else")) {
      const std::string_view chained = trim(ending_.substr(4));
      if (chained.starts_with("if ")) {
        node->otherwise.push_back(TRY(block(chained.substr(3), depth + 1)));
        return node;
      }
      if (!chained.empty()) return template_error("cannot understand \"" + printable(ending_, 60) + "\"");
      TRY(list(&node->otherwise, depth + 1));
    }
    if (ending_ != "end") return template_error("an {{ if }} has no {{ end }}");
    ending_ = {};
    return node;
  }

  std::string_view rest_;
  std::string_view ending_;
  bool trims_next_ = false;
};

// False once the answer begins.
bool render_list(const std::vector<NodePtr>& nodes, const TemplateFields& fields, std::string* out) {
  for (const NodePtr& node : nodes) {
    if (node->kind == Kind::kIf) {
      const bool yes = !node->operands[0]->value(fields).empty();
      if (!render_list(yes ? node->body : node->otherwise, fields, out)) return false;
    } else if (node->kind == Kind::kField && node->field == &TemplateFields::response) {
      return false;
    } else {
      *out += node->value(fields);
    }
  }
  return true;
}

}  // namespace

Result<GoTemplate> GoTemplate::parse(std::string_view source) {
  if (source.size() > kMaxTemplateBytes) {
    return template_error("has more than " + std::to_string(kMaxTemplateBytes) + " bytes");
  }
  auto root = std::make_shared<Node>();
  root->body = TRY(Parser(source).parse());
  GoTemplate result;
  result.root_ = std::move(root);
  return result;
}

std::string GoTemplate::render_prompt(const TemplateFields& fields) const {
  std::string out;
  render_list(root_->body, fields, &out);
  return out;
}

namespace {

// Private-use characters, which no template has a reason to write.
constexpr std::string_view kSystemMark = "\xee\x80\x80", kPromptMark = "\xee\x80\x81";
constexpr std::string_view kWholePrompt = "{{ .Prompt }}";

// The text with `mark` (exactly once in it) replaced; empty if that cannot be said in a template.
std::string with_variable(std::string text, std::string_view mark, std::string_view variable) {
  const size_t at = text.find(mark);
  if (at == std::string::npos || text.find(mark, at + 1) != std::string::npos) return "";
  return text.replace(at, mark.size(), variable);
}

}  // namespace

std::string template_like(const RenderChat& render) {
  const Result<std::string> plain = render({{"user", std::string(kPromptMark)}});
  if (!plain.ok() || plain->find("{{") != std::string::npos) return std::string(kWholePrompt);
  const std::string without = with_variable(*plain, kPromptMark, kWholePrompt);
  if (without.empty()) return std::string(kWholePrompt);
  const Result<std::string> full = render({{"system", std::string(kSystemMark)}, {"user", std::string(kPromptMark)}});
  if (!full.ok() || full->find("{{") != std::string::npos) return without + "{{ .Response }}";
  std::string with = with_variable(*full, kPromptMark, kWholePrompt);
  with = with.empty() ? with : with_variable(with, kSystemMark, "{{ .System }}");
  if (with.empty()) return without + "{{ .Response }}";
  return "{{ if .System }}" + with + "{{ else }}" + without + "{{ end }}{{ .Response }}";
}

}  // namespace hearth::server::ollama
