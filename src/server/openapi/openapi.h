// GET /openapi.json: what this server answers, in OpenAPI 3.1.
//
// Contract: made from the table of routes, the table of parameters and shapes.json, so that no route can be missing: a route
// without a shape is an error that the tests find. In shapes.json a name with "?" may be absent, 'x' in quotes is that text,
// "a|b" is either, [x] a list, and a name that begins with a capital is another shape. A route "refuses" what it is asked, or
// gives something of which "empty" and "text" have no shape.
// Not here: checking requests (server/parameters.h and the dialects do).
#pragma once

#include "server/context.h"

namespace hearth::server {

Json openapi_document(const std::string& version);
void openapi(Context& context, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server
