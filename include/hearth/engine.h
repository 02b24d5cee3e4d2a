// The public C++ API: a loaded model (Engine) and its mutable timelines (Session).
//
// Contract: an Engine is immutable after load and may be shared; `step` and `append` of one Engine are called from one
// thread at a time. A Session belongs to its Engine and must die first. After an error a Session is as before the call. A
// model file that is cut short or written to while it is in use is an error (kIo) of every later step, never a crash.
// Same file, tokens and options give the same bits whatever the threads, chunks, batch or instruction set.
// Not here: sampling and stop strings (engine/generate.h), model names and downloads (library/).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"

namespace hearth {

namespace text {
class Tokenizer;
class ChatTemplate;
}  // namespace text
namespace text::tools {
struct AnswerFormat;
}
class GrammarCache;

// An adapter (LoRA) to be loaded with a model.
struct AdapterFile {
  std::string path;              // a .gguf file, as llama.cpp's convert_lora_to_gguf writes them
  float scale = 1;               // where nobody asks for another
};

// An adapter in effect: its place in Engine::adapters() and how strong it is.
struct AdapterScale {
  int id = 0;
  float scale = 1;
  bool operator==(const AdapterScale&) const = default;
};
// What is in effect together: in the order of ids, each once, none with scale 0.
using AdapterSet = std::vector<AdapterScale>;

struct AdapterInfo {
  std::string path;
  std::string name;              // general.name, else the file's
  std::string task_name;         // adapter.lora.task_name, may be empty
  std::string prompt_prefix;     // adapter.lora.prompt_prefix, may be empty
  std::string sha256;            // of the file; empty in a plan
  double alpha = 0;
  int64_t rank = 0;              // of its widest pair of matrices
  int64_t bytes = 0;             // in memory
  float scale = 1;               // of AdapterFile
};

struct LoadOptions {
  std::string path;              // a .gguf file
  int threads = 0;               // 0: as many as the process may use (affinity, cgroup quota)
  int64_t context = 0;           // positions per session; 0: the model's own, reduced to what memory holds and said in info
  std::string isa;               // "", "ref", "avx2", "avxvnni", "avx512"
  std::string kv_type = "f16";   // "f16", "f32", "int8"
  int max_sessions = 1;          // that live at once
  int64_t kv_pool_bytes = 0;     // for keys and values of all sessions together; 0: every session can fill its context
  int64_t memory_limit_bytes = 0;  // 0: what the machine has available
  std::vector<AdapterFile> adapters;  // their ids are their places here
};

struct ModelInfo {
  std::string path;
  std::string architecture;      // "llama", "qwen2", "gemma3"
  std::string name;              // general.name, else the file's
  std::string quantisation;      // "Q4_K_M"-like label from the file, else its most frequent format
  std::string licence;           // general.license, may be empty
  std::string chat_template;     // source, empty if the file has none
  std::string chat_template_error;  // why that source cannot be used; empty if it can
  int64_t parameter_count = 0;
  int64_t file_bytes = 0;
  int64_t context_trained = 0;   // the model's own context
  int64_t context = 0;           // what a session holds here
  int64_t vocabulary = 0;
  int64_t embedding = 0;         // width
  int64_t layer_count = 0;
  int64_t kv_bytes_per_position = 0;
  std::string isa;               // table in use
  int threads = 0;
  int max_sessions = 0;          // that live at once
  std::string pooling;           // of hidden states to an embedding: "mean" (also where the file says nothing), "cls", "last", "rank"
};

// Where memory goes; computed before anything is allocated.
struct MemoryPlan {
  int64_t weights_bytes = 0;     // mapped from the file, reclaimable
  int64_t kv_bytes = 0;          // the pool of keys and values; becomes resident as it is used
  int64_t scratch_bytes = 0;
  int64_t tables_bytes = 0;      // tokenizer, rope
  int64_t adapter_bytes = 0;     // copied from their files
  int64_t available_bytes = 0;   // of the machine or the cgroup, when asked
  int64_t context = 0;
  struct Part { std::string layers; std::string part; std::string device; int64_t bytes; };
  std::vector<Part> parts;       // "0-29", "attention", "cpu", ...
};

class Engine;

class Session {
 public:
  ~Session();
  // Runs `tokens` through the model; afterwards logits() are those after the last one. `chunk` tokens per step (0: the
  // default). `cancel` is read between layers. Error kContextFull names both counts and changes nothing.
  Result<void> append(std::span<const int32_t> tokens, int chunk = 0, const std::atomic<bool>* cancel = nullptr);
  // As append, and calls `visit(index, logits)` for every token in order.
  using LogitsVisitor = std::function<void(int64_t index, std::span<const float> logits)>;
  Result<void> append_all_logits(std::span<const int32_t> tokens, const LogitsVisitor& visit, int chunk = 0);
  std::span<const float> logits() const;         // [vocabulary]; empty before the first append and after rewind
  std::span<const int32_t> tokens() const;       // the timeline so far
  int64_t size() const;                          // positions used
  int64_t context() const;                       // positions available
  const AdapterSet& adapters() const;            // in effect for all of it
  Result<void> rewind(int64_t size);             // forgets everything from position `size` on
  // A new session that shares the first `size` positions (pages are copied only where both write).
  Result<std::unique_ptr<Session>> fork(int64_t size) const;
  // Pages of the pool that appending `tokens` would take beyond those that the session has.
  int64_t pages_needed(int64_t tokens) const;

  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// How much of a model has been brought into memory. Sessions can be used from the start; they wait for what they need.
struct ReadProgress {
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;       // 0: nothing is read in advance, as there is no memory for all of it
};

// Decides, position by position, whether tokens that were put into a step on trial stay in their session.
class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;
  // The session now ends with tokens[index] of the step; `logits` are those after it, valid during the call. True: the next
  // token of the step stays, too. False: it and all after it are dropped. After the last one the answer has no meaning.
  virtual bool next_stays(int64_t index, std::span<const float> logits) = 0;
};

// The pages that hold keys and values of all sessions and of remembered prompts.
struct KvPool {
  int64_t page_positions = 0;
  int64_t page_bytes = 0;
  int64_t pages = 0;
  int64_t free_pages = 0;
  int64_t bytes() const { return pages * page_bytes; }
  int64_t used_bytes() const { return (pages - free_pages) * page_bytes; }
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> load(const LoadOptions& options);
  // Plan without loading weights: reads the header only.
  static Result<MemoryPlan> plan(const LoadOptions& options);
  ~Engine();
  const ModelInfo& info() const;
  const MemoryPlan& memory_plan() const;
  ReadProgress read_progress() const;
  const text::Tokenizer& tokenizer() const;
  const text::ChatTemplate* chat_template() const;  // null: a completion model
  const text::tools::AnswerFormat& answer_format() const;  // how the model writes tool calls and reasoning
  GrammarCache& grammars() const;                   // answers in a given form: engine/answer_shape.h
  const std::vector<AdapterInfo>& adapters() const;
  // Those of LoadOptions with their scales there.
  const AdapterSet& default_adapters() const;
  // What was asked for as a set. kInvalidArgument: an id that is not there or is there twice, a scale that is not finite.
  Result<AdapterSet> adapter_set(std::span<const AdapterScale> wanted) const;
  // With the default adapters, or with the ones asked for: a session keeps what it began with, and so do its forks.
  Result<std::unique_ptr<Session>> new_session() const;
  Result<std::unique_ptr<Session>> new_session(std::span<const AdapterScale> adapters) const;
  KvPool kv_pool() const;
  // Gives memory that no session uses back to the system, but for `kept_bytes` of it.
  void trim_kv_pool(int64_t kept_bytes) const;
  // Sees the hidden state after the last norm of every token of an item, in order.
  using HiddenVisitor = std::function<void(std::span<const float> state)>;
  // One batch: appends tokens[i] to sessions[i] in a single pass over the weights; each then has its logits. With a verifier
  // the first token is appended and the others are on trial: the session ends with the last one that stays and has its
  // logits. Nothing that was dropped can be seen later. Then all tokens of the step must fit into one batch
  // (kMaxVerifiedTokens), and after an error a session holds the tokens that its verifier saw.
  struct StepItem {
    Session* session;
    std::span<const int32_t> tokens;
    TokenVerifier* verifier = nullptr;
    bool wants_logits = true;    // false: a piece of a prompt that goes on; the session has no logits afterwards
    const HiddenVisitor* hidden = nullptr;
  };
  static constexpr int kMaxVerifiedTokens = 512;
  Result<void> step(std::span<const StepItem> items, const std::atomic<bool>* cancel = nullptr) const;

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  Engine();
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
