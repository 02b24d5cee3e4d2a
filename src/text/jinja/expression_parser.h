// The expression grammar of Jinja.
//
// Contract: recursive descent in the order of precedence of jinja2/parser.py; constants are owned by the tree given.
// Not here: statements (parser.cpp).
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/ast.h"
#include "text/jinja/token_stream.h"

namespace hearth::text::jinja {

class ExpressionParser {
 public:
  ExpressionParser(TokenStream& stream, TemplateTree& tree) : stream_(stream), tree_(tree) {}

  struct TupleOptions {
    bool simplified = false;        // names and literals only: an assignment target
    bool conditional = true;        // a if b else c is allowed
    bool parentheses = false;       // in (): may be empty
    bool namespace_target = false;  // a.b may be assigned to
    std::string_view end_name;      // this name ends it too
  };
  ExpressionPtr parse_expression(bool conditional = true);
  ExpressionPtr parse_tuple(const TupleOptions& options);
  ExpressionPtr parse_target(std::string_view end_name, bool namespace_target);
  ExpressionPtr parse_target_name();
  // The chain of filters at the current pipe; `start_inline`: the first name has no pipe before it.
  ExpressionPtr parse_filter(ExpressionPtr subject, bool start_inline = false);
  ExpressionPtr text_constant(std::string text, int line);

  // Guards one level of nesting in the source.
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser);
    ~Nesting() { --parser_.nesting_; }

   private:
    ExpressionParser& parser_;
  };

 private:
  ExpressionPtr make(ExpressionKind kind, int line) { return std::make_unique<Expression>(kind, line); }
  ExpressionPtr finish(ExpressionPtr node);  // computes and limits the depth
  ExpressionPtr constant(Value value, int line);
  using Rule = ExpressionPtr (ExpressionParser::*)();
  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_operand();
  ExpressionPtr parse_chain(Rule rule, std::initializer_list<TokenKind> kinds);
  ExpressionPtr parse_words(Rule rule, std::string_view word, ExpressionKind kind);
  ExpressionPtr parse_unary(bool with_filter);
  ExpressionPtr parse_primary(bool namespace_target = false);
  ExpressionPtr parse_named_primary(bool namespace_target);
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr node);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr node);
  ExpressionPtr parse_subscript(ExpressionPtr node);
  ExpressionPtr parse_subscribed();
  ExpressionPtr parse_call(ExpressionPtr node);
  ExpressionPtr parse_test(ExpressionPtr node);
  void parse_call_arguments(Expression* node);

  TokenStream& stream_;
  TemplateTree& tree_;
  int nesting_ = 0;
};

}  // namespace hearth::text::jinja
