// The expression grammar; see expression_parser.h.
#include "text/jinja/expression_parser.h"

#include <algorithm>

#include "text/jinja/limits.h"

namespace hearth::text::jinja {

ExpressionParser::Nesting::Nesting(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.nesting_ > kMaxParserDepth) {
    throw TemplateError{ErrorCode::kResource, "nested deeper than " + std::to_string(kMaxParserDepth) + " levels",
                        parser_.stream_.current().line};
  }
}

ExpressionPtr ExpressionParser::finish(ExpressionPtr node) {
  int depth = 0;
  const auto see = [&](const ExpressionPtr& child) {
    if (child) depth = std::max(depth, child->depth);
  };
  for (const auto& child : node->items) see(child);
  for (const auto& child : node->arguments) see(child);
  for (const auto& keyword : node->keywords) see(keyword.second);
  see(node->spread_arguments);
  see(node->spread_keywords);
  node->depth = depth + 1;
  if (node->depth > kMaxParserDepth) {
    throw TemplateError{ErrorCode::kResource,
                        "an expression is nested deeper than " + std::to_string(kMaxParserDepth) + " levels",
                        node->line};
  }
  return node;
}

ExpressionPtr ExpressionParser::constant(Value value, int line) {
  ExpressionPtr node = make(ExpressionKind::kConstant, line);
  node->constant = std::move(value);
  return node;
}

ExpressionPtr ExpressionParser::text_constant(std::string text, int line) {
  auto object = std::make_unique<StringObject>(std::move(text));
  ExpressionPtr node = constant(Value::object(Kind::kString, object.get()), line);
  tree_.constants.push_back(std::move(object));
  return node;
}

ExpressionPtr ExpressionParser::parse_expression(bool conditional) {
  const Nesting nesting(*this);
  return conditional ? parse_conditional() : parse_or();
}

ExpressionPtr ExpressionParser::parse_conditional() {
  const Nesting nesting(*this);
  int line = stream_.current().line;
  ExpressionPtr node = parse_or();
  while (stream_.skip_name("if")) {
    ExpressionPtr conditional = make(ExpressionKind::kConditional, line);
    conditional->items.push_back(parse_or());
    conditional->items.push_back(std::move(node));
    conditional->items.push_back(stream_.skip_name("else") ? parse_conditional() : nullptr);
    node = finish(std::move(conditional));
    line = stream_.current().line;
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_words(Rule rule, std::string_view word, ExpressionKind kind) {
  const int line = stream_.current().line;
  ExpressionPtr first = (this->*rule)();
  if (!stream_.is_name(word)) return first;
  ExpressionPtr node = make(kind, line);
  node->items.push_back(std::move(first));
  while (stream_.skip_name(word)) node->items.push_back((this->*rule)());
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_or() {
  return parse_words(&ExpressionParser::parse_and, "or", ExpressionKind::kOr);
}
ExpressionPtr ExpressionParser::parse_and() {
  return parse_words(&ExpressionParser::parse_not, "and", ExpressionKind::kAnd);
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!stream_.is_name("not")) return parse_compare();
  const Nesting nesting(*this);
  ExpressionPtr node = make(ExpressionKind::kNot, stream_.take().line);
  node->items.push_back(parse_not());
  return finish(std::move(node));
}

namespace {

bool comparison(TokenKind kind, Operation* operation) {
  switch (kind) {
    case TokenKind::kEqual:
      *operation = Operation::kEqual;
      return true;
    case TokenKind::kNotEqual:
      *operation = Operation::kNotEqual;
      return true;
    case TokenKind::kLess:
      *operation = Operation::kLess;
      return true;
    case TokenKind::kLessEqual:
      *operation = Operation::kLessEqual;
      return true;
    case TokenKind::kGreater:
      *operation = Operation::kGreater;
      return true;
    case TokenKind::kGreaterEqual:
      *operation = Operation::kGreaterEqual;
      return true;
    default:
      return false;
  }
}

Operation arithmetic(TokenKind kind) {
  switch (kind) {
    case TokenKind::kAdd:
      return Operation::kAdd;
    case TokenKind::kSub:
      return Operation::kSub;
    case TokenKind::kMul:
      return Operation::kMul;
    case TokenKind::kDiv:
      return Operation::kDiv;
    case TokenKind::kFloorDiv:
      return Operation::kFloorDiv;
    case TokenKind::kMod:
      return Operation::kMod;
    default:
      return Operation::kPow;
  }
}

}  // namespace

ExpressionPtr ExpressionParser::parse_compare() {
  const int line = stream_.current().line;
  ExpressionPtr first = parse_sum();
  ExpressionPtr node;
  while (true) {
    Operation operation;
    if (comparison(stream_.current().kind, &operation)) {
      stream_.take();
    } else if (stream_.skip_name("in")) {
      operation = Operation::kIn;
    } else if (stream_.is_name("not") && stream_.look().kind == TokenKind::kName && stream_.look().text == "in") {
      stream_.take();
      stream_.take();
      operation = Operation::kNotIn;
    } else {
      break;
    }
    if (!node) {
      node = make(ExpressionKind::kCompare, line);
      node->items.push_back(std::move(first));
    }
    node->operations.push_back(operation);
    node->items.push_back(parse_sum());
  }
  return node ? finish(std::move(node)) : std::move(first);
}

ExpressionPtr ExpressionParser::parse_chain(Rule rule, std::initializer_list<TokenKind> kinds) {
  const int line = stream_.current().line;
  ExpressionPtr first = (this->*rule)();
  ExpressionPtr node;
  const auto continues = [&] { return std::find(kinds.begin(), kinds.end(), stream_.current().kind) != kinds.end(); };
  while (continues()) {
    if (!node) {
      node = make(ExpressionKind::kArithmetic, line);
      node->items.push_back(std::move(first));
    }
    node->operations.push_back(arithmetic(stream_.take().kind));
    node->items.push_back((this->*rule)());
  }
  return node ? finish(std::move(node)) : std::move(first);
}

ExpressionPtr ExpressionParser::parse_sum() {
  return parse_chain(&ExpressionParser::parse_concat, {TokenKind::kAdd, TokenKind::kSub});
}

ExpressionPtr ExpressionParser::parse_concat() {
  const int line = stream_.current().line;
  ExpressionPtr first = parse_product();
  if (!stream_.is(TokenKind::kTilde)) return first;
  ExpressionPtr node = make(ExpressionKind::kConcat, line);
  node->items.push_back(std::move(first));
  while (stream_.skip_if(TokenKind::kTilde)) node->items.push_back(parse_product());
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_product() {
  return parse_chain(&ExpressionParser::parse_power,
                     {TokenKind::kMul, TokenKind::kDiv, TokenKind::kFloorDiv, TokenKind::kMod});
}

ExpressionPtr ExpressionParser::parse_power() {
  return parse_chain(&ExpressionParser::parse_operand, {TokenKind::kPow});
}

ExpressionPtr ExpressionParser::parse_operand() {
  return parse_unary(true);
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filter) {
  const Nesting nesting(*this);
  ExpressionPtr node;
  if (stream_.is(TokenKind::kSub) || stream_.is(TokenKind::kAdd)) {
    const Token& sign = stream_.take();
    node = make(sign.kind == TokenKind::kSub ? ExpressionKind::kNegate : ExpressionKind::kPlus, sign.line);
    node->items.push_back(parse_unary(false));
    node = finish(std::move(node));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filter ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::parse_named_primary(bool namespace_target) {
  const Token& token = stream_.take();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return constant(Value::boolean(true), token.line);
  if (name == "false" || name == "False") return constant(Value::boolean(false), token.line);
  if (name == "none" || name == "None") return constant(Value::none(), token.line);
  ExpressionPtr node = make(ExpressionKind::kName, token.line);
  node->text = name;
  if (namespace_target && stream_.skip_if(TokenKind::kDot)) {
    node->kind = ExpressionKind::kNamespaceTarget;
    node->items.push_back(text_constant(stream_.expect(TokenKind::kName).text, token.line));
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_primary(bool namespace_target) {
  const Token& token = stream_.current();
  switch (token.kind) {
    case TokenKind::kName:
      return parse_named_primary(namespace_target);
    case TokenKind::kString: {
      std::string text;
      while (stream_.is(TokenKind::kString)) text += stream_.take().text;
      return text_constant(std::move(text), token.line);
    }
    case TokenKind::kInteger:
      stream_.take();
      return constant(Value::integer(token.integer), token.line);
    case TokenKind::kFloat:
      stream_.take();
      return constant(Value::real(token.real), token.line);
    case TokenKind::kLeftParen: {
      stream_.take();
      TupleOptions options;
      options.parentheses = true;
      ExpressionPtr node = parse_tuple(options);
      stream_.expect(TokenKind::kRightParen);
      return node;
    }
    case TokenKind::kLeftBracket:
      return parse_list();
    case TokenKind::kLeftBrace:
      return parse_dict();
    default:
      stream_.fail_here("unexpected '" + describe(token) + "'");
  }
}

ExpressionPtr ExpressionParser::parse_tuple(const TupleOptions& options) {
  const Nesting nesting(*this);
  int line = stream_.current().line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (true) {
    if (!items.empty()) stream_.expect(TokenKind::kComma);
    const bool ends = stream_.is(TokenKind::kVariableEnd) || stream_.is(TokenKind::kBlockEnd) ||
                      stream_.is(TokenKind::kRightParen) ||
                      (!options.end_name.empty() && stream_.is_name(options.end_name));
    if (ends) break;
    items.push_back(options.simplified ? parse_primary(options.namespace_target)
                                       : parse_expression(options.conditional));
    if (!stream_.is(TokenKind::kComma)) break;
    is_tuple = true;
    line = stream_.current().line;
  }
  if (!is_tuple && !items.empty()) return std::move(items[0]);
  if (!is_tuple && !options.parentheses) {
    stream_.fail_here("Expected an expression, got '" + describe(stream_.current()) + "'");
  }
  ExpressionPtr node = make(ExpressionKind::kTuple, line);
  node->items = std::move(items);
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_target_name() {
  const Token& token = stream_.expect(TokenKind::kName);
  for (std::string_view reserved : {"true", "false", "none", "True", "False", "None"}) {
    if (token.text == reserved) stream_.fail_at(token.line, "can't assign to 'name'");
  }
  ExpressionPtr node = make(ExpressionKind::kName, token.line);
  node->text = token.text;
  return node;
}

namespace {

bool can_assign(const Expression& node) {
  if (node.kind == ExpressionKind::kName || node.kind == ExpressionKind::kNamespaceTarget) return true;
  if (node.kind != ExpressionKind::kTuple) return false;
  return std::all_of(node.items.begin(), node.items.end(), [](const auto& item) { return can_assign(*item); });
}

}  // namespace

ExpressionPtr ExpressionParser::parse_target(std::string_view end_name, bool namespace_target) {
  TupleOptions options;
  options.simplified = true;
  options.namespace_target = namespace_target;
  options.end_name = end_name;
  ExpressionPtr node = parse_tuple(options);
  if (!can_assign(*node)) stream_.fail_at(node->line, "can't assign to this expression");
  return node;
}

ExpressionPtr ExpressionParser::parse_list() {
  const Nesting nesting(*this);
  ExpressionPtr node = make(ExpressionKind::kList, stream_.expect(TokenKind::kLeftBracket).line);
  while (!stream_.is(TokenKind::kRightBracket)) {
    if (!node->items.empty()) stream_.expect(TokenKind::kComma);
    if (stream_.is(TokenKind::kRightBracket)) break;
    node->items.push_back(parse_expression());
  }
  stream_.expect(TokenKind::kRightBracket);
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_dict() {
  const Nesting nesting(*this);
  ExpressionPtr node = make(ExpressionKind::kDict, stream_.expect(TokenKind::kLeftBrace).line);
  while (!stream_.is(TokenKind::kRightBrace)) {
    if (!node->items.empty()) stream_.expect(TokenKind::kComma);
    if (stream_.is(TokenKind::kRightBrace)) break;
    node->items.push_back(parse_expression());
    stream_.expect(TokenKind::kColon);
    node->items.push_back(parse_expression());
  }
  stream_.expect(TokenKind::kRightBrace);
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr node) {
  while (true) {
    if (stream_.is(TokenKind::kDot) || stream_.is(TokenKind::kLeftBracket)) {
      node = parse_subscript(std::move(node));
    } else if (stream_.is(TokenKind::kLeftParen)) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::parse_filters_and_tests(ExpressionPtr node) {
  while (true) {
    if (stream_.is(TokenKind::kPipe)) {
      node = parse_filter(std::move(node));
    } else if (stream_.is_name("is")) {
      node = parse_test(std::move(node));
    } else if (stream_.is(TokenKind::kLeftParen)) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr node) {
  const Token& token = stream_.take();
  ExpressionPtr result = make(ExpressionKind::kItem, token.line);
  result->items.push_back(std::move(node));
  if (token.kind == TokenKind::kDot) {
    const Token& attribute = stream_.take();
    if (attribute.kind == TokenKind::kName) {
      result->kind = ExpressionKind::kAttribute;
      result->text = attribute.text;
    } else if (attribute.kind == TokenKind::kInteger) {
      result->items.push_back(constant(Value::integer(attribute.integer), attribute.line));
    } else {
      stream_.fail_at(attribute.line, "expected name or number");
    }
    return finish(std::move(result));
  }
  std::vector<ExpressionPtr> parts;
  while (!stream_.is(TokenKind::kRightBracket)) {
    if (!parts.empty()) stream_.expect(TokenKind::kComma);
    parts.push_back(parse_subscribed());
  }
  stream_.expect(TokenKind::kRightBracket);
  if (parts.size() == 1) {
    result->items.push_back(std::move(parts[0]));
    return finish(std::move(result));
  }
  ExpressionPtr tuple = make(ExpressionKind::kTuple, token.line);
  for (const auto& part : parts) {
    if (part->kind == ExpressionKind::kSlice) stream_.fail_at(part->line, "a slice must stand alone in a subscript");
  }
  tuple->items = std::move(parts);
  result->items.push_back(finish(std::move(tuple)));
  return finish(std::move(result));
}

ExpressionPtr ExpressionParser::parse_subscribed() {
  const int line = stream_.current().line;
  const auto part_follows = [&] {
    return !stream_.is(TokenKind::kColon) && !stream_.is(TokenKind::kRightBracket) && !stream_.is(TokenKind::kComma);
  };
  ExpressionPtr start;
  if (!stream_.is(TokenKind::kColon)) {
    start = parse_expression();
    if (!stream_.is(TokenKind::kColon)) return start;
  }
  stream_.take();
  ExpressionPtr slice = make(ExpressionKind::kSlice, line);
  slice->items.push_back(std::move(start));
  slice->items.push_back(part_follows() ? parse_expression() : nullptr);
  ExpressionPtr step;
  if (stream_.skip_if(TokenKind::kColon) && part_follows()) step = parse_expression();
  slice->items.push_back(std::move(step));
  return finish(std::move(slice));
}

void ExpressionParser::parse_call_arguments(Expression* node) {
  const Nesting nesting(*this);
  const int line = stream_.expect(TokenKind::kLeftParen).line;
  const auto ensure = [&](bool valid) {
    if (!valid) stream_.fail_at(line, "invalid syntax for function call expression");
  };
  bool comma = false;
  while (!stream_.is(TokenKind::kRightParen)) {
    if (comma) {
      stream_.expect(TokenKind::kComma);
      if (stream_.is(TokenKind::kRightParen)) break;
    }
    if (stream_.skip_if(TokenKind::kMul)) {
      ensure(!node->spread_arguments && !node->spread_keywords);
      node->spread_arguments = parse_expression();
    } else if (stream_.skip_if(TokenKind::kPow)) {
      ensure(!node->spread_keywords);
      node->spread_keywords = parse_expression();
    } else if (stream_.is(TokenKind::kName) && stream_.look().kind == TokenKind::kAssign) {
      ensure(!node->spread_keywords);
      const Token& key = stream_.take();
      stream_.take();
      for (const auto& keyword : node->keywords) {
        if (keyword.first == key.text) stream_.fail_at(key.line, "keyword argument repeated: " + key.text);
      }
      node->keywords.emplace_back(key.text, parse_expression());
    } else {
      ensure(!node->spread_arguments && !node->spread_keywords && node->keywords.empty());
      node->arguments.push_back(parse_expression());
    }
    comma = true;
  }
  stream_.expect(TokenKind::kRightParen);
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr node) {
  ExpressionPtr call = make(ExpressionKind::kCall, stream_.current().line);
  call->items.push_back(std::move(node));
  parse_call_arguments(call.get());
  return finish(std::move(call));
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr subject, bool start_inline) {
  while (stream_.is(TokenKind::kPipe) || start_inline) {
    if (!start_inline) stream_.take();
    start_inline = false;
    const Token& token = stream_.expect(TokenKind::kName);
    ExpressionPtr filter = make(ExpressionKind::kFilter, token.line);
    filter->text = token.text;
    while (stream_.skip_if(TokenKind::kDot)) filter->text += "." + stream_.expect(TokenKind::kName).text;
    filter->items.push_back(std::move(subject));
    if (stream_.is(TokenKind::kLeftParen)) parse_call_arguments(filter.get());
    subject = finish(std::move(filter));
  }
  return subject;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr node) {
  const int line = stream_.take().line;
  const bool negated = stream_.skip_name("not");
  ExpressionPtr test = make(ExpressionKind::kTest, line);
  test->text = stream_.expect(TokenKind::kName).text;
  while (stream_.skip_if(TokenKind::kDot)) test->text += "." + stream_.expect(TokenKind::kName).text;
  test->items.push_back(std::move(node));
  const TokenKind next = stream_.current().kind;
  const bool operand = next == TokenKind::kName || next == TokenKind::kString || next == TokenKind::kInteger ||
                       next == TokenKind::kFloat || next == TokenKind::kLeftBracket || next == TokenKind::kLeftBrace;
  if (next == TokenKind::kLeftParen) {
    parse_call_arguments(test.get());
  } else if (operand && !stream_.is_name("else") && !stream_.is_name("or") && !stream_.is_name("and")) {
    if (stream_.is_name("is")) stream_.fail_here("You cannot chain multiple tests with is");
    test->arguments.push_back(parse_postfix(parse_primary()));
  }
  test = finish(std::move(test));
  if (!negated) return test;
  ExpressionPtr inverse = make(ExpressionKind::kNot, line);
  inverse->items.push_back(std::move(test));
  return finish(std::move(inverse));
}

}  // namespace hearth::text::jinja
