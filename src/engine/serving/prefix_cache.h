// Prompts and answers of the past, kept as pages of keys and values: what begins like one of them is not computed again.
//
// Contract: lookup() gives a session that begins with the longest remembered prefix, to the token, and shares its pages; the
// bits that follow are those of a session that computed everything itself. Nothing is found under another scope or with other
// adapters (by their files' digests and scales) than it was remembered under. Pages come from the engine's pool: the cache holds at most limit_bytes of them, gives up what was used
// longest ago first, what was never found again before what was, and never touches what running sessions hold. When the
// pool is exhausted it gives up pages by itself. All calls come from the engine's one thread.
// Not here: the tree (serving/prefix_tree.h), files (serving/prefix_disk.h), who is served when (serving/scheduler.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hearth/engine.h"

namespace hearth {

struct PrefixCacheOptions {
  int64_t limit_bytes = 0;            // of the engine's pool; 0: remembers nothing
  std::string disk_folder;            // empty: forgets everything at the end
  int64_t disk_limit_bytes = 0;
  std::string model_sha256;           // of the model file, 64 hex digits; empty: computed from it where it is needed
  std::function<void()> wake;         // called on another thread when poll() has something to do; may stay unset
};

struct PrefixCacheStats {
  int64_t bytes = 0;                  // of pages that are remembered, those that sessions share among them
  int64_t pages = 0;
  int64_t lookups = 0, hits = 0;      // hits: found at least one token
  int64_t reused_tokens = 0;
  int64_t evicted_pages = 0;
  int64_t disk_bytes = 0, disk_files = 0;
  int64_t disk_pages_read = 0, disk_pages_written = 0;
  int64_t disk_damaged = 0;           // files that were not what they said, deleted
  int64_t disk_dropped = 0;           // pages that were not written: too many waited, or writing failed
};

class PrefixCache {
 public:
  // The engine must live longer. Errors: those of the disk's folder.
  static Result<std::unique_ptr<PrefixCache>> create(const Engine& engine, PrefixCacheOptions options);
  ~PrefixCache();

  // A new session that holds the longest known prefix of `tokens`, without their last one: its logits are wanted. Its size()
  // tells how much that is; 0 as well. It has these adapters, a set of the engine's. kResource if all sessions of the engine are in use.
  Result<std::unique_ptr<Session>> lookup(std::string_view scope, std::span<const int32_t> tokens,
                                          const AdapterSet& adapters = {});
  // What lookup() would find; changes nothing.
  int64_t known_tokens(std::string_view scope, std::span<const int32_t> tokens, const AdapterSet& adapters = {}) const;
  // Remembers the first `size` tokens of a session: when its prompt is computed, so that others share it, and when its
  // answer ends, so that the next turn does. Up to a whole page (kPagePositions) this costs the session nothing; a part of one
  // costs it a copy of that page if it goes on.
  void insert(std::string_view scope, Session& session, int64_t size);

  // Starts to bring what the disk knows of a prompt, beyond what is in memory, into memory. 0: there is nothing to wait for.
  // Otherwise `tokens` are best looked up once fetching(number) is false. Nobody has to wait, or to look.
  uint64_t fetch(std::string_view scope, std::span<const int32_t> tokens, const AdapterSet& adapters = {});
  bool fetching(uint64_t number) const;
  // Takes over what the disk has finished. To be called before every step, and after `wake`.
  void poll();

  // Gives up remembered pages that nobody else holds until the pool has `count` free ones. Whether it has.
  bool make_room(int64_t count);
  // Pages that make_room could free, beside those that are free already.
  int64_t reclaimable_pages() const;
  // Forgets everything in memory; what is on disk stays.
  void clear();
  PrefixCacheStats stats() const;

  struct Impl;

 private:
  explicit PrefixCache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
