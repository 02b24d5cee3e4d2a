// The slash commands of a chat: /set /show /save /load /clear /bye /help, as people know them from Ollama.
//
// Contract: a command never ends the program by an error; it prints what is wrong and how it is used, on stdout.
// Not here: reading lines, answers (chat/repl.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/chat/chat.h"

namespace hearth::cli {

enum class AfterCommand { kGoOn, kLeave };

// `line` begins with a slash. `verbose` is what /set verbose and /set quiet change.
AfterCommand run_command(const std::string& line, const std::string& home, Chat* chat, bool* verbose);

// Words separated by spaces; "..." and """...""" hold spaces and newlines, \" and \\ inside "..." mean themselves.
std::vector<std::string> split_words(std::string_view line);

}  // namespace hearth::cli
