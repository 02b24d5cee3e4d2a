// Answers of /v1/responses that later requests may refer to, in memory only.
//
// Contract: thread-safe. Bounded in number and bytes; the oldest make room. An id is random and known only to who got it.
// Not here: what a response is made of (openai/responses.cpp).
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/json.h"

namespace hearth::server::openai {

struct StoredResponse {
  std::string id;
  Json object;                      // as it was answered
  Json input_items;                 // what it was asked, each with an id
  Json messages;                    // the conversation up to its end, without instructions
};

class ResponseStore {
 public:
  explicit ResponseStore(size_t max_responses = 256, size_t max_bytes = size_t{64} << 20)
      : max_responses_(max_responses), max_bytes_(max_bytes) {}

  void put(const StoredResponse& response);
  std::optional<StoredResponse> find(const std::string& id) const;
  bool erase(const std::string& id);

 private:
  struct Entry {
    std::string id;
    std::string object, input_items, messages;  // as text: a tenth of the memory of a tree
    size_t bytes() const { return id.size() + object.size() + input_items.size() + messages.size(); }
  };

  size_t max_responses_, max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;        // oldest first
  size_t bytes_ = 0;
};

}  // namespace hearth::server::openai
