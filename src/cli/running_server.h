// The running server of this HEARTH_HOME: finding it, and having it answer for `hearth run`.
//
// Contract: a server is used only if the kernel says that it is a process of the folder's owner, and if it says that it is of
// this version. Nothing is asked of a server that another user runs. Every answer is a connection of its own, so that a server
// that goes away is noticed at the next one.
// Not here: servers at other addresses (cli/http_client.h), the form of questions (server/home/wire.h).
#pragma once

#include <atomic>
#include <map>
#include <string>

#include "engine/generate.h"
#include "hearth/engine.h"
#include "server/home/wire.h"

namespace hearth::cli {

struct RunningServer {
  std::string socket;   // the path of its unix socket
  std::string kv_type;  // of its context memory
};

// kNotFound: none runs. Other errors say why one that runs is not used.
Result<RunningServer> find_running_server();

struct ServerModel {
  std::string name;
  ModelInfo info;
  double load_ms = 0;   // 0: it was in memory
};
Result<ServerModel> load_in_server(const RunningServer& server, const std::string& model);

struct ServerAnswer {
  GenerateResult result;               // its text is empty: what was said stands in its parts
  text::tools::ParsedAnswer said;
  int64_t context = 0, context_used = 0;
  std::map<int32_t, std::string> token_texts;  // if log-probabilities were asked for
};
// As generate(): cancelling is no error. kNotFound: the server is gone; nothing was asked.
Result<ServerAnswer> ask_running_server(const RunningServer& server, const server::home::Question& question,
                                        const GenerateCallbacks& callbacks,
                                        const std::function<void(std::string_view)>& on_reasoning, const std::atomic<bool>* cancel);

}  // namespace hearth::cli
