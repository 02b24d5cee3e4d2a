// Contract and exclusions: server/openai/response_store.h.
#include "server/openai/response_store.h"

#include <algorithm>

namespace hearth::server::openai {

void ResponseStore::put(const StoredResponse& response) {
  Entry entry{response.id, to_text(response.object), to_text(response.input_items), to_text(response.messages)};
  const size_t bytes = entry.bytes();
  if (bytes > max_bytes_) return;
  const std::lock_guard lock(mutex_);
  bytes_ += bytes;
  entries_.push_back(std::move(entry));
  while (bytes_ > max_bytes_ || entries_.size() > max_responses_) {
    bytes_ -= entries_.front().bytes();
    entries_.pop_front();
  }
}

std::optional<StoredResponse> ResponseStore::find(const std::string& id) const {
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& other) { return other.id == id; });
    if (found == entries_.end()) return std::nullopt;
    entry = *found;
  }
  return StoredResponse{id, Json::parse(entry.object), Json::parse(entry.input_items), Json::parse(entry.messages)};
}

bool ResponseStore::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.id == id; });
  if (found == entries_.end()) return false;
  bytes_ -= found->bytes();
  entries_.erase(found);
  return true;
}

}  // namespace hearth::server::openai
