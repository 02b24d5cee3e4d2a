// One answer: brings a session to a prompt, then samples token by token until something ends it.
//
// Contract: the prompt is the whole timeline; the part that the session already holds is kept, the rest is rewound and
// appended. A prompt that does not fit is kContextFull, says the counts and the ways out, and changes nothing; an answer
// that fills the context ends with that reason. Nothing is ever cut. Stop tokens and stop strings do not appear in the text.
// Not here: chat templates (engine/prompt.h), several answers in one batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/engine.h"
#include "text/sampler.h"
#include "text/tools/answer_format.h"

namespace hearth {

class Speculator;
namespace text::grammar {
class Grammar;
}

// Reasoning that is watched: its tokens are counted, and after so many it is closed by the marks that close it.
struct ReasoningLimit {
  text::tools::ReasoningForm form;  // without an end: nothing is watched
  bool begun = false;               // the prompt has opened it
  int64_t budget = -1;              // tokens; -1: as many as it takes
};

struct GenerateOptions {
  text::SamplerOptions sampler;
  int64_t max_tokens = -1;         // -1: until the model stops or the context is full
  int64_t min_tokens = 0;          // before these the model cannot stop; stop strings can
  std::vector<std::string> stop;   // strings that end the answer
  std::shared_ptr<text::grammar::Grammar> grammar;  // of the whole text; null: any text
  std::vector<int32_t> stop_tokens;  // tokens that end it beside the model's own
  std::vector<int32_t> shown_tokens;  // control tokens that are text of this answer and never end it: marks of tool calls
  ReasoningLimit reasoning;
  bool ignore_stop_tokens = false; // goes on where the model would stop
  int64_t line_milliseconds = -1;  // after so long since the first token it ends with the next line; 0 or less: never
  int64_t min_indent = 0;          // blanks that each line but the first begins with, else it ends there
  int chunk = 0;                   // prompt tokens per step; 0: the engine's default
  Speculator* speculator = nullptr;  // guesses ahead; changes the speed, never the answer. null: token by token
};

enum class FinishReason { kStop, kLength, kContextFull, kCancelled };
const char* finish_reason_name(FinishReason reason);  // "stop", "length", "context_full", "cancelled"

struct GeneratedToken {
  int32_t id;
  float logprob = 0;                              // only if log-probabilities were asked for
  std::vector<text::TokenLogprob> alternatives;
};

struct GenerateResult {
  FinishReason finish_reason = FinishReason::kStop;
  std::string text;
  std::vector<GeneratedToken> tokens;  // without the stop token
  std::string stop_string;             // the one that ended it, if one did
  int64_t reasoning_tokens = 0;        // of the answer's, with the marks of reasoning
  int64_t prompt_tokens = 0;           // of the whole prompt
  int64_t reused_tokens = 0;           // of these, already in the session
  double prompt_ms = 0;                // until the first logits
  int64_t decode_tokens = 0;           // that went through the model after that
  int64_t decode_steps = 0;            // in so many passes
  int64_t drafted_tokens = 0;          // guesses that were put on trial
  int64_t accepted_tokens = 0;         // of these, right
  double decode_ms = 0;
};

struct GenerateCallbacks {
  std::function<void(std::string_view text)> on_text;           // whole characters, in order
  std::function<void(int64_t done, int64_t total)> on_prompt;   // prompt tokens worked through, without the reused ones
};

// Errors: kContextFull, kInvalidArgument (empty prompt, option out of range), kNumeric and what Session::append gives.
// Cancelling is no error: the result says so and holds what there is.
Result<GenerateResult> generate(const Engine& engine, Session& session, std::span<const int32_t> prompt,
                                const GenerateOptions& options, const GenerateCallbacks& callbacks = {},
                                const std::atomic<bool>* cancel = nullptr);

// Brings the session to exactly `timeline`, keeping the common prefix; afterwards it has logits. Returns how much was kept.
Result<int64_t> advance_to(const Engine& engine, Session& session, std::span<const int32_t> timeline, int chunk,
                           const std::function<void(int64_t, int64_t)>& on_prompt, const std::atomic<bool>* cancel);

}  // namespace hearth
