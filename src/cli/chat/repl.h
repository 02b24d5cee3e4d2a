// The interactive chat: reads messages and commands from a terminal, streams answers.
//
// Contract: Ctrl-C stops an answer, never the program; Ctrl-D or /bye leaves. Errors are shown and the chat goes on.
// Not here: one answer without a terminal (cli/run.cpp).
#pragma once

#include <string>

#include "cli/chat/chat.h"

namespace hearth::cli {

// Returns the exit code.
int run_repl(const std::string& home, Chat* chat, bool verbose);

}  // namespace hearth::cli
