// One answer among many: what a client asks of a Service and what it hears while the answer is made.
//
// Contract: a request's prompt is its whole timeline; the service finds by itself what of it is already computed. The bits
// of an answer do not depend on what else runs, on cached prefixes or on guessing ahead.
// Not here: who runs it (serving/service.h), one answer on a session of one's own (engine/generate.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/generate.h"

namespace hearth {

using AnswerId = uint64_t;        // of one Service, growing from 1

struct AnswerRequest {
  std::vector<int32_t> prompt;
  GenerateOptions options;        // `chunk` and `speculator` are the service's business and stay unset
  std::string owner;              // who shares fairly with others: an API key's name, else a connection's
  std::optional<AdapterSet> adapters;  // ids and scales as asked for; none: the service's default ones
  bool reuse_prefix = true;       // take what the prefix cache holds, and leave the prompt there
};

struct PromptProgress {
  int64_t total_tokens = 0;
  int64_t reused_tokens = 0;      // of these, found computed
  int64_t done_tokens = 0;        // with the reused ones
  double milliseconds = 0;        // since the prompt was begun
  int64_t waiting_before = -1;    // answers that are served first; -1: this one is being served
};

// Called on the service's thread: they must not block, throw or call back into the service other than submit and cancel.
struct AnswerCallbacks {
  std::function<void(const PromptProgress&)> on_prompt;  // may stay unset
  // Asked before each of its steps: whether its reader is so far behind that there should be no more text now. Whoever says so
  // for ever must cancel. May stay unset.
  std::function<bool()> behind;
  // Text that has become certain, in whole characters and possibly empty, and the tokens since the last call.
  std::function<void(std::string_view text, std::span<const GeneratedToken> tokens)> on_text;  // may stay unset
  // The last call, exactly once for every accepted request. A cancelled answer ends with FinishReason::kCancelled.
  std::function<void(const Result<GenerateResult>&)> on_end;
};

// The end of an embedding (engine/embed.h): the pooled states, not scaled. Called like AnswerCallbacks::on_end.
using EmbeddingCallback = std::function<void(const Result<std::vector<float>>&)>;

}  // namespace hearth
