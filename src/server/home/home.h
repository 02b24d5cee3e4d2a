// The routes that Hearth's own verbs use of a running server: `hearth run` answers through them what it would answer itself.
//
// Contract: nothing is rounded, left out or taken for granted on the way, so that an answer is the same bits as in the
// process of the verb. They are ordinary routes; that a server is the one of this HEARTH_HOME is shown by the socket it is
// reached by (server/home/home_socket.h).
// Not here: the form of what is asked and answered (server/home/wire.h).
#pragma once

#include "server/context.h"

namespace hearth::server::home {

// Which program this is, and what its answers depend on.
void identify(Context& context, const Request& request, const ResponderPtr& responder);
// Loads a model and tells what `hearth run` shows of it.
void load(Context& context, const Request& request, const ResponderPtr& responder);
// One answer, as lines of JSON while it is made.
void answer(Context& context, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server::home
