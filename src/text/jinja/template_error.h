// The exception that ends compiling or rendering of a template.
//
// Contract: thrown only inside text/jinja; Template::compile and Template::render turn it into a hearth::Error, so that
// it never leaves the folder. Not here: the wording of each failure.
#pragma once

#include <string>
#include <utility>

#include "hearth/error.h"

namespace hearth::text::jinja {

struct TemplateError {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;
  int line = 0;           // 0: filled in where the error is caught
  bool verbatim = false;  // the template's own words (raise_exception): reported without a prefix
};

[[noreturn]] inline void fail(std::string message) {
  throw TemplateError{ErrorCode::kInvalidArgument, std::move(message)};
}
[[noreturn]] inline void fail_limit(std::string message) {
  throw TemplateError{ErrorCode::kResource, std::move(message)};
}
[[noreturn]] inline void fail_unsupported(std::string message) {
  throw TemplateError{ErrorCode::kUnsupported, std::move(message)};
}

}  // namespace hearth::text::jinja
