// The statement grammar; see parser.h.
#include "text/jinja/parser.h"

#include <algorithm>
#include <set>

#include "text/jinja/expression_parser.h"
#include "text/jinja/limits.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

using Names = std::vector<std::string_view>;

class Parser {
 public:
  explicit Parser(std::string_view source) : stream_(tokenize(source)), expressions_(stream_, tree_) {}

  TemplateTree run() {
    tree_.body = parse_body({});
    return std::move(tree_);
  }

 private:
  // Statements and data until one of the end tags, which stays current.
  Body parse_body(const Names& end_tags) {
    const ExpressionParser::Nesting nesting(expressions_);
    end_tags_.push_back(&end_tags);
    Body body;
    StatementPtr output;
    const auto flush = [&] {
      if (output) body.push_back(std::move(output));
    };
    const auto add = [&](ExpressionPtr value) {
      if (!output) output = std::make_unique<Statement>(StatementKind::kOutput, value->line);
      output->values.push_back(std::move(value));
    };
    while (!stream_.is(TokenKind::kEnd)) {
      const Token& token = stream_.take();
      if (token.kind == TokenKind::kData) {
        add(expressions_.text_constant(token.text, token.line));
      } else if (token.kind == TokenKind::kVariableBegin) {
        add(expressions_.parse_tuple({}));
        stream_.expect(TokenKind::kVariableEnd);
      } else {
        flush();
        if (at_end_tag(end_tags)) break;
        body.push_back(parse_statement());
        stream_.expect(TokenKind::kBlockEnd);
      }
    }
    flush();
    end_tags_.pop_back();
    return body;
  }

  bool at_end_tag(const Names& end_tags) const {
    return std::any_of(end_tags.begin(), end_tags.end(), [&](std::string_view name) { return stream_.is_name(name); });
  }

  // The body of a tag. The end tag's name is taken and returned.
  std::string parse_until(const Names& end_tags, Body* body) {
    stream_.skip_if(TokenKind::kColon);
    stream_.expect(TokenKind::kBlockEnd);
    *body = parse_body(end_tags);
    if (!stream_.is(TokenKind::kEnd)) return stream_.take().text;
    std::string expected;
    for (std::string_view name : end_tags) expected += (expected.empty() ? "'" : " or '") + std::string(name) + "'";
    stream_.fail_here("Unexpected end of template. Jinja was looking for the following tags: " + expected +
                      ". The innermost block that needs to be closed is '" + open_tags_.back() + "'.");
  }

  StatementPtr parse_statement() {
    if (!stream_.is(TokenKind::kName)) stream_.fail_here("tag name expected");
    const std::string name = stream_.current().text;
    using Rule = StatementPtr (Parser::*)();
    static constexpr std::pair<std::string_view, Rule> kRules[] = {
        {"for", &Parser::parse_for},
        {"if", &Parser::parse_if},
        {"block", &Parser::parse_block},
        {"print", &Parser::parse_print},
        {"macro", &Parser::parse_macro},
        {"set", &Parser::parse_set},
        {"with", &Parser::parse_with},
        {"autoescape", &Parser::parse_autoescape},
        {"call", &Parser::parse_call_block},
        {"filter", &Parser::parse_filter_block},
        {"break", &Parser::parse_jump},
        {"continue", &Parser::parse_jump},
        {"generation", &Parser::parse_generation},
        {"include", &Parser::parse_refused},
        {"import", &Parser::parse_refused},
        {"from", &Parser::parse_refused},
        {"extends", &Parser::parse_refused},
    };
    for (const auto& [tag, rule] : kRules) {
      if (tag != name) continue;
      open_tags_.push_back(name);
      StatementPtr statement = (this->*rule)();
      open_tags_.pop_back();
      return statement;
    }
    fail_unknown_tag(name);
  }

  [[noreturn]] void fail_unknown_tag(const std::string& name) const {
    std::string message = "Encountered unknown tag '" + name + "'.";
    std::string expected;
    for (std::string_view tag : *end_tags_.back()) {
      expected += (expected.empty() ? "'" : " or '") + std::string(tag) + "'";
    }
    if (!expected.empty()) message += " Jinja was looking for the following tags: " + expected + ".";
    if (!open_tags_.empty()) message += " The innermost block that needs to be closed is '" + open_tags_.back() + "'.";
    stream_.fail_here(message);
  }

  StatementPtr start(StatementKind kind) { return std::make_unique<Statement>(kind, stream_.take().line); }

  StatementPtr parse_set() {
    StatementPtr node = start(StatementKind::kSet);
    node->target = expressions_.parse_target({}, true);
    if (stream_.skip_if(TokenKind::kAssign)) {
      node->value = expressions_.parse_tuple({});
      return node;
    }
    node->kind = StatementKind::kSetBlock;
    node->value = expressions_.parse_filter(nullptr);
    parse_until({"endset"}, &node->body);
    return node;
  }

  StatementPtr parse_for() {
    StatementPtr node = start(StatementKind::kFor);
    node->target = expressions_.parse_target("in", false);
    stream_.expect_name("in");
    ExpressionParser::TupleOptions options;
    options.conditional = false;
    options.end_name = "recursive";
    node->value = expressions_.parse_tuple(options);
    if (stream_.skip_name("if")) node->test = expressions_.parse_expression();
    node->recursive = stream_.skip_name("recursive");
    if (parse_until({"endfor", "else"}, &node->body) == "else") parse_until({"endfor"}, &node->else_body);
    return node;
  }

  StatementPtr parse_if() {
    StatementPtr node = start(StatementKind::kIf);
    ExpressionParser::TupleOptions options;
    options.conditional = false;
    while (true) {
      Branch branch;
      branch.test = expressions_.parse_tuple(options);
      const std::string end = parse_until({"elif", "else", "endif"}, &branch.body);
      node->branches.push_back(std::move(branch));
      if (end == "elif") continue;
      if (end == "else") {
        Branch last;
        parse_until({"endif"}, &last.body);
        node->branches.push_back(std::move(last));
      }
      return node;
    }
  }

  StatementPtr parse_with() {
    StatementPtr node = start(StatementKind::kWith);
    while (!stream_.is(TokenKind::kBlockEnd)) {
      if (!node->targets.empty()) stream_.expect(TokenKind::kComma);
      node->targets.push_back(expressions_.parse_target({}, false));
      stream_.expect(TokenKind::kAssign);
      node->values.push_back(expressions_.parse_expression());
    }
    parse_until({"endwith"}, &node->body);
    return node;
  }

  StatementPtr parse_autoescape() {
    StatementPtr node = start(StatementKind::kAutoescape);
    node->value = expressions_.parse_expression();
    parse_until({"endautoescape"}, &node->body);
    return node;
  }

  StatementPtr parse_block() {
    StatementPtr node = start(StatementKind::kBlock);
    node->name = stream_.expect(TokenKind::kName).text;
    node->scoped = stream_.skip_name("scoped");
    node->required = stream_.skip_name("required");
    if (stream_.is(TokenKind::kSub))
      stream_.fail_here("block names may not contain hyphens, use an underscore instead");
    parse_until({"endblock"}, &node->body);
    stream_.skip_name(node->name);
    if (!block_names_.insert(node->name).second) {
      stream_.fail_at(node->line, "block '" + node->name + "' defined twice");
    }
    if (node->required) check_required(*node);
    tree_.blocks.push_back(node.get());
    return node;
  }

  void check_required(const Statement& node) const {
    for (const auto& statement : node.body) {
      for (const auto& value : statement->values) {
        if (value->kind == ExpressionKind::kConstant && value->constant.is_string() &&
            strip(value->constant.text()).empty()) {
          continue;
        }
        stream_.fail_at(node.line, "Required blocks can only contain comments or whitespace");
      }
    }
  }

  StatementPtr parse_print() {
    StatementPtr node = start(StatementKind::kOutput);
    while (!stream_.is(TokenKind::kBlockEnd)) {
      if (!node->values.empty()) stream_.expect(TokenKind::kComma);
      node->values.push_back(expressions_.parse_expression());
    }
    return node;
  }

  void parse_signature(Statement* node) {
    stream_.expect(TokenKind::kLeftParen);
    while (!stream_.is(TokenKind::kRightParen)) {
      if (!node->targets.empty()) stream_.expect(TokenKind::kComma);
      node->targets.push_back(expressions_.parse_target_name());
      if (stream_.skip_if(TokenKind::kAssign)) {
        node->values.push_back(expressions_.parse_expression());
      } else if (!node->values.empty()) {
        stream_.fail_here("non-default argument follows default argument");
      }
    }
    stream_.expect(TokenKind::kRightParen);
    std::set<std::string> names;
    for (const auto& target : node->targets) {
      if (!names.insert(target->text).second) {
        stream_.fail_at(node->line, "duplicate argument '" + target->text + "' in macro definition");
      }
    }
  }

  StatementPtr parse_macro() {
    StatementPtr node = start(StatementKind::kMacro);
    node->name = expressions_.parse_target_name()->text;
    parse_signature(node.get());
    parse_until({"endmacro"}, &node->body);
    return node;
  }

  StatementPtr parse_call_block() {
    StatementPtr node = start(StatementKind::kCallBlock);
    if (stream_.is(TokenKind::kLeftParen)) parse_signature(node.get());
    node->value = expressions_.parse_expression();
    if (node->value->kind != ExpressionKind::kCall) stream_.fail_at(node->line, "expected call");
    parse_until({"endcall"}, &node->body);
    return node;
  }

  StatementPtr parse_generation() {
    StatementPtr node = start(StatementKind::kGeneration);
    parse_until({"endgeneration"}, &node->body);
    return node;
  }

  StatementPtr parse_filter_block() {
    StatementPtr node = start(StatementKind::kFilterBlock);
    node->value = expressions_.parse_filter(nullptr, true);
    parse_until({"endfilter"}, &node->body);
    return node;
  }

  StatementPtr parse_jump() {
    const bool is_break = stream_.current().text == "break";
    return start(is_break ? StatementKind::kBreak : StatementKind::kContinue);
  }

  StatementPtr parse_refused() {
    const std::string tag = stream_.current().text;
    StatementPtr node = start(StatementKind::kRefused);
    node->name = "'" + tag + "' is not possible: a chat template stands alone, there are no other templates";
    while (!stream_.is(TokenKind::kBlockEnd) && !stream_.is(TokenKind::kEnd)) stream_.take();
    return node;
  }

  TemplateTree tree_;
  TokenStream stream_;
  ExpressionParser expressions_;
  std::vector<std::string> open_tags_;
  std::vector<const Names*> end_tags_;
  std::set<std::string> block_names_;
};

}  // namespace

TemplateTree parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    fail_limit("the template is larger than " + std::to_string(kMaxSourceBytes >> 10) + " KiB");
  }
  const size_t invalid = find_invalid_utf8(source);
  if (invalid != std::string_view::npos) {
    throw TemplateError{ErrorCode::kCorrupt, "not valid UTF-8 at byte " + std::to_string(invalid)};
  }
  return Parser(source).run();
}

}  // namespace hearth::text::jinja
