// What was typed in earlier chats: $HEARTH_HOME/chat_history, one JSON string a line, newest last (docs/formats/chats.md).
//
// Contract: readable by its owner only (0600). Several chats may append at the same time. A file that cannot be read or
// written only costs the history: nothing here is an error of a chat.
// Not here: recalling lines (chat/line_editor.h).
#pragma once

#include <string>
#include <vector>

namespace hearth::cli {

class HistoryFile {
 public:
  explicit HistoryFile(const std::string& home) : path_(home + "/chat_history") {}
  // The newest entries, oldest first. A file that grew long is cut to them.
  std::vector<std::string> load() const;
  void append(const std::string& entry) const;

 private:
  std::string path_;
};

}  // namespace hearth::cli
