// Chats on disk: $HEARTH_HOME/chats/NAME.json (docs/formats/chats.md).
//
// Contract: readable by its owner only, replaced atomically. A name is one path component of letters, digits and . _ - :
// that does not begin with a dot. A file is checked against its format before anything of it is used.
// Not here: what is done with it (chat/commands.h).
#pragma once

#include <string>
#include <vector>

#include "cli/generation_options.h"
#include "hearth/error.h"
#include "text/chat_template.h"

namespace hearth::cli {

struct SavedChat {
  std::string model;   // as the user named it
  std::string system;
  GenerationOptions generation;
  std::vector<text::ChatMessage> messages;
};

Result<void> save_chat(const std::string& home, const std::string& name, const SavedChat& chat);
// kNotFound if there is none of that name.
Result<SavedChat> load_chat(const std::string& home, const std::string& name);
std::vector<std::string> saved_chat_names(const std::string& home);  // sorted

}  // namespace hearth::cli
