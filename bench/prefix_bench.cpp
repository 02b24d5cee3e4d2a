// Time to the first token of a prompt that is new, remembered, and read from disk after a restart.
//
//   prefix_bench MODEL.gguf TOKENS [NEW_TOKENS] [FOLDER]
//
// Each prompt is TOKENS long and followed by NEW_TOKENS (64) that nobody has seen. Printed as one row of JSON, milliseconds:
// cold (all of it is computed), new_only (the new tokens alone, on a session that holds the others), warm (found in memory,
// then the new tokens), find (of warm, until the session was there), restart (found on disk), read (of restart, until the pages
// were in memory). Best of several but for cold.
// Not here: what HTTP and templates add.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "engine/serving/prefix_cache.h"

namespace hearth {
namespace {

constexpr int kRounds = 15;
constexpr int kRestarts = 5;
constexpr int64_t kCacheBytes = int64_t{8} << 30;

using Tokens = std::vector<int32_t>;

// Numbers without a pattern, in the range of ordinary tokens.
Tokens some_tokens(int64_t count, int64_t vocabulary, uint64_t seed) {
  Tokens tokens(static_cast<size_t>(count));
  for (int32_t& token : tokens) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    token = static_cast<int32_t>(100 + (seed >> 33) % static_cast<uint64_t>(vocabulary - 1000));
  }
  return tokens;
}

double milliseconds_since(int64_t start_ns) { return seconds_since(start_ns) * 1e3; }

Result<std::unique_ptr<PrefixCache>> open_cache(const Engine& engine, const std::string& folder) {
  PrefixCacheOptions options;
  options.limit_bytes = kCacheBytes;
  options.disk_folder = folder;
  options.disk_limit_bytes = kCacheBytes;
  options.model_sha256 = std::string(64, '0');
  return PrefixCache::create(engine, options);
}

struct Times {
  double total = 0;
  double fetch = 0;  // of it, until the pages were in memory
  double find = 0;   // and until there was a session
  int64_t reused = 0;
};

Result<Times> answer(PrefixCache& cache, const Tokens& prompt, bool remember) {
  Times times;
  const int64_t start = monotonic_ns();
  for (const uint64_t number = cache.fetch("", prompt); number != 0 && cache.fetching(number); cache.poll()) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  times.fetch = milliseconds_since(start);
  const std::unique_ptr<Session> session = TRY(cache.lookup("", prompt));
  times.reused = session->size();
  times.find = milliseconds_since(start);
  TRY(session->append(std::span(prompt).subspan(static_cast<size_t>(session->size()))));
  times.total = milliseconds_since(start);
  if (remember) cache.insert("", *session, session->size());
  return times;
}

Result<void> measure(const std::string& model, int64_t tokens, int64_t new_tokens, const std::string& folder) {
  LoadOptions options;
  options.path = model;
  options.max_sessions = 2;
  const std::unique_ptr<Engine> engine = TRY(Engine::load(options));
  const int64_t vocabulary = engine->info().vocabulary;
  const Tokens old = some_tokens(tokens, vocabulary, 1);
  const auto prompt_of = [&](uint64_t seed) {
    Tokens prompt = old;
    const Tokens fresh = some_tokens(new_tokens, vocabulary, seed);
    prompt.insert(prompt.end(), fresh.begin(), fresh.end());
    return prompt;
  };
  std::unique_ptr<PrefixCache> cache = TRY(open_cache(*engine, folder));
  Times cold = TRY(answer(*cache, old, true));
  double new_only = 1e30, warm = 1e30, find = 1e30;
  Times restart;
  restart.total = 1e30;
  for (int round = 0; round < kRounds; ++round) {
    std::unique_ptr<Session> session = TRY(cache->lookup("", prompt_of(100)));
    const int64_t start = monotonic_ns();
    TRY(session->append(some_tokens(new_tokens, vocabulary, 200 + static_cast<uint64_t>(round))));
    new_only = std::min(new_only, milliseconds_since(start));
    session.reset();
    const Times found = TRY(answer(*cache, prompt_of(300 + static_cast<uint64_t>(round)), false));
    if (found.reused != tokens) return Error{ErrorCode::kInternal, "not everything was remembered"};
    warm = std::min(warm, found.total);
    find = std::min(find, found.find);
  }
  for (int round = 0; round < kRestarts; ++round) {
    cache.reset();  // writes what is left
    cache = TRY(open_cache(*engine, folder));
    const Times read = TRY(answer(*cache, prompt_of(400 + static_cast<uint64_t>(round)), false));
    if (read.reused != tokens) return Error{ErrorCode::kInternal, "only " + std::to_string(read.reused) + " tokens were on disk"};
    if (read.total < restart.total) restart = read;
  }
  std::printf("{\"model\": \"%s\", \"tokens\": %ld, \"new_tokens\": %ld, \"cold\": %.0f, \"new_only\": %.1f, \"warm\": %.1f, \"find\": %.2f, "
              "\"restart\": %.1f, \"read\": %.1f, \"read_bytes\": %ld}\n",
              model.substr(model.rfind('/') + 1).c_str(), static_cast<long>(tokens), static_cast<long>(new_tokens), cold.total,
              new_only, warm, find, restart.total, restart.fetch, static_cast<long>(cache->stats().disk_bytes));
  return {};
}

}  // namespace
}  // namespace hearth

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: prefix_bench MODEL.gguf TOKENS [NEW_TOKENS] [FOLDER]\n");
    return 2;
  }
  std::string folder = count > 4 ? words[4] : (std::filesystem::temp_directory_path() / "prefix_bench_XXXXXX").string();
  if (count <= 4 && mkdtemp(folder.data()) == nullptr) return 1;
  const auto measured = hearth::measure(words[1], std::atoll(words[2]), count > 3 ? std::atoll(words[3]) : 64, folder);
  if (!measured.ok()) std::fprintf(stderr, "%s\n", measured.error().message.c_str());
  if (count <= 4) std::filesystem::remove_all(folder);
  return measured.ok() ? 0 : 1;
}
