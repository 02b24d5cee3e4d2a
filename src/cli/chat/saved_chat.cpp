// Contract and exclusions: cli/chat/saved_chat.h.
#include "cli/chat/saved_chat.h"

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {

namespace {

using json = nlohmann::ordered_json;

constexpr const char* kFormat = "hearth chat";
constexpr int kVersion = 1;
constexpr uint64_t kMaxSavedChatBytes = uint64_t{1} << 28;
constexpr size_t kMaxNameBytes = 100;

Result<std::string> path_of(const std::string& home, const std::string& name) {
  const auto allowed = [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '-' || byte == ':';
  };
  if (name.empty() || name.size() > kMaxNameBytes || name[0] == '.' || !std::all_of(name.begin(), name.end(), allowed)) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + printable(name, 40) + "' cannot name a chat: take letters, digits, and . _ - : after the first"};
  }
  return home + "/chats/" + name + ".json";
}

Error malformed(const std::string& path, const std::string& what) {
  return {ErrorCode::kCorrupt, path + " is no saved chat: " + what};
}

Result<std::string> text_member(const json& object, const char* name, const std::string& path) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return malformed(path, std::string(name) + " is no text");
  return member->get<std::string>();
}

Result<std::vector<text::ChatMessage>> messages_of(const json& object, const std::string& path) {
  const auto list = object.find("messages");
  if (list == object.end() || !list->is_array()) return malformed(path, "messages is no list");
  std::vector<text::ChatMessage> messages;
  for (const json& entry : *list) {
    if (!entry.is_object()) return malformed(path, "a message is no object");
    const std::string role = TRY(text_member(entry, "role", path));
    if (role != (messages.size() % 2 == 0 ? "user" : "assistant")) {
      return malformed(path, "message " + std::to_string(messages.size() + 1) + " has the role '" + printable(role, 40) +
                                 "'; user and assistant take turns");
    }
    messages.push_back({role, TRY(text_member(entry, "content", path))});
  }
  if (messages.size() % 2 != 0) return malformed(path, "the last answer is missing");
  return messages;
}

}  // namespace

Result<void> save_chat(const std::string& home, const std::string& name, const SavedChat& chat) {
  const std::string path = TRY(path_of(home, name));
  json messages = json::array();
  for (const text::ChatMessage& message : chat.messages) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  const json object = {{"format", kFormat},
                       {"version", kVersion},
                       {"model", chat.model},
                       {"system", chat.system},
                       {"parameters", parameters_to_json(chat.generation)},
                       {"messages", messages}};
  TRY(make_directories(home + "/chats"));
  return write_file_atomically(path, object.dump(2, ' ', false, json::error_handler_t::replace) + "\n", 0600);
}

Result<SavedChat> load_chat(const std::string& home, const std::string& name) {
  const std::string path = TRY(path_of(home, name));
  const std::string bytes = TRY(read_small_file(path, kMaxSavedChatBytes));
  const json object = json::parse(bytes, nullptr, false);
  if (!object.is_object()) return malformed(path, "it is not JSON, or no object");
  if (TRY(text_member(object, "format", path)) != kFormat) return malformed(path, "format is not 'hearth chat'");
  const auto version = object.find("version");
  if (version == object.end() || !version->is_number_integer() || *version != kVersion) {
    return malformed(path, "version is not " + std::to_string(kVersion));
  }
  SavedChat chat;
  chat.model = TRY(text_member(object, "model", path));
  chat.system = TRY(text_member(object, "system", path));
  const auto parameters = object.find("parameters");
  if (parameters == object.end()) return malformed(path, "parameters are missing");
  const Result<void> set = parameters_from_json(*parameters, &chat.generation);
  if (!set.ok()) return malformed(path, set.error().message);
  chat.messages = TRY(messages_of(object, path));
  return chat;
}

std::vector<std::string> saved_chat_names(const std::string& home) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(home + "/chats", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".json") names.push_back(entry->path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace hearth::cli
