// The one table of routes: method, path, what a key must be allowed to do, whose dialect errors are in, and the handler.
//
// Contract: dispatch is by exact path, or by a prefix for paths that end in a name ("/v1/models/" + name). HEAD is answered
// where GET is. An unknown path is 404, a wrong method 405 with Allow, a key of too small a scope 403; an exception of a
// library that reaches the dispatcher is a 500 for that request only.
// Not here: Host, Origin and keys themselves (http/gate.h).
#pragma once

#include <span>
#include <string_view>

#include "server/context.h"

namespace hearth::server {

struct Route {
  const char* method;
  const char* path;                   // ends in "/*" if a name follows
  Scope scope;
  Dialect dialect;
  void (*handler)(Context&, const Request&, const ResponderPtr&);
  const char* summary;                // one line, for the API description
};

std::span<const Route> all_routes();

// What follows `prefix` in the path; "" if it does not begin with it.
std::string_view tail_after(const Request& request, std::string_view prefix);

Handler make_handler(Context& context);

}  // namespace hearth::server
