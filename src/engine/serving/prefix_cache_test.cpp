// Remembered prompts on tiny models: the bits of what follows, restarts, damaged files, scopes and limits.
#include "engine/serving/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <thread>

#include "engine/serving/prefix_file.h"

namespace hearth {
namespace {

using Tokens = std::vector<int32_t>;
namespace fs = std::filesystem;

std::string golden(const std::string& name) { return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name; }

std::unique_ptr<Engine> load(const std::string& model, const std::string& kv_type = "f16", int64_t pool_bytes = 0) {
  LoadOptions options;
  options.path = golden(model);
  options.threads = 2;
  options.kv_type = kv_type;
  options.max_sessions = 16;
  options.kv_pool_bytes = pool_bytes;
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
  return engine.ok() ? std::move(engine).value() : nullptr;
}

Tokens some_tokens(const Engine& engine, int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Tokens tokens(static_cast<size_t>(count));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % static_cast<uint32_t>(engine.info().vocabulary));
  return tokens;
}

Tokens joined(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<float> cold_logits(const Engine& engine, std::span<const int32_t> tokens) {
  auto session = engine.new_session();
  EXPECT_TRUE(session.ok() && (*session)->append(tokens).ok());
  return {(*session)->logits().begin(), (*session)->logits().end()};
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::unique_ptr<PrefixCache> cache_of(const Engine& engine, PrefixCacheOptions options) {
  auto cache = PrefixCache::create(engine, std::move(options));
  EXPECT_TRUE(cache.ok()) << (cache.ok() ? "" : cache.error().message);
  return cache.ok() ? std::move(cache).value() : nullptr;
}

PrefixCacheOptions in_memory(int64_t limit_bytes) {
  PrefixCacheOptions options;
  options.limit_bytes = limit_bytes;
  return options;
}

// One answer as a service makes it: found, computed, remembered. Returns how much was found.
int64_t answer(PrefixCache& cache, std::string_view scope, const Tokens& tokens, std::vector<float>* logits = nullptr) {
  if (const uint64_t number = cache.fetch(scope, tokens)) {
    for (; cache.fetching(number); cache.poll()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  auto session = cache.lookup(scope, tokens);
  EXPECT_TRUE(session.ok()) << (session.ok() ? "" : session.error().message);
  const int64_t found = (*session)->size();
  EXPECT_TRUE((*session)->append(std::span(tokens).subspan(static_cast<size_t>(found))).ok());
  if (logits != nullptr) logits->assign((*session)->logits().begin(), (*session)->logits().end());
  cache.insert(scope, **session, (*session)->size());
  return found;
}

TEST(PrefixCache, WhatFollowsAFoundPrefixHasTheBitsOfAColdStart) {
  for (const char* model : {"gemma3.gguf", "llama-grouped.gguf"}) {
    for (const char* kv_type : {"f16", "int8"}) {
      const auto engine = load(model, kv_type);
      const Tokens prompt = some_tokens(*engine, 400, 1);
      const auto cache = cache_of(*engine, in_memory(1 << 30));
      EXPECT_EQ(answer(*cache, "", prompt), 0);
      for (const int64_t shared : {1, 63, 64, 65, 100, 256, 257, 399, 400}) {
        const Tokens tokens = joined({prompt.begin(), prompt.begin() + shared}, some_tokens(*engine, 40, 2));
        std::vector<float> logits;
        const int64_t found = answer(*cache, "", tokens, &logits);
        EXPECT_GE(found, shared);
        EXPECT_TRUE(same_bits(logits, cold_logits(*engine, tokens))) << model << " " << kv_type << " " << shared;
      }
      std::vector<float> logits;
      EXPECT_EQ(answer(*cache, "", prompt, &logits), 399);  // the last one is computed, for its logits
      EXPECT_TRUE(same_bits(logits, cold_logits(*engine, prompt)));
      EXPECT_EQ(cache->stats().lookups, 11);
      EXPECT_EQ(cache->known_tokens("other", prompt), 0);
    }
  }
}

TEST(PrefixCache, PoolThatRunsOutTakesFromWhatIsRememberedAndEverythingIsGivenBack) {
  const auto sized = load("gemma3.gguf");
  const int64_t page_bytes = sized->kv_pool().page_bytes;
  const auto engine = load("gemma3.gguf", "f16", 12 * page_bytes);
  {
    const auto cache = cache_of(*engine, in_memory(100 * page_bytes));
    for (uint32_t i = 0; i < 20; ++i) {
      const Tokens tokens = some_tokens(*engine, 200 + i * 20, i);
      std::vector<float> logits;
      answer(*cache, "", tokens, &logits);
      EXPECT_TRUE(same_bits(logits, cold_logits(*engine, tokens))) << i;
    }
    EXPECT_GT(cache->stats().evicted_pages, 0);
    EXPECT_EQ(engine->kv_pool().pages - engine->kv_pool().free_pages, cache->stats().pages);
    EXPECT_EQ(cache->reclaimable_pages(), cache->stats().pages);
  }
  EXPECT_EQ(engine->kv_pool().free_pages, 12);
}

TEST(PrefixCache, OffRemembersNothing) {
  const auto engine = load("gemma3.gguf");
  const auto cache = cache_of(*engine, {});
  const Tokens tokens = some_tokens(*engine, 200, 1);
  EXPECT_EQ(answer(*cache, "", tokens), 0);
  EXPECT_EQ(answer(*cache, "", tokens), 0);
  EXPECT_EQ(cache->stats().pages, 0);
}

class PrefixDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "prefix_disk_XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    top_ = folder;
    folder_ = folder + "/prompts";
  }
  void TearDown() override { fs::remove_all(top_); }

  std::unique_ptr<PrefixCache> open(const Engine& engine, int64_t disk_bytes = 1 << 30) {
    return cache_of(engine, kept(disk_bytes));
  }
  PrefixCacheOptions kept(int64_t disk_bytes) const {
    PrefixCacheOptions options = in_memory(1 << 30);
    options.disk_folder = folder_;
    options.disk_limit_bytes = disk_bytes;
    options.model_sha256 = std::string(64, 'a');
    return options;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  std::string top_, folder_;
};

TEST_F(PrefixDiskTest, WhatWasComputedBeforeARestartIsReadAndHasTheSameBits) {
  for (const char* kv_type : {"f16", "f32", "int8"}) {
    const auto engine = load("gemma3.gguf", kv_type);
    const Tokens prompt = some_tokens(*engine, 300, 1), longer = joined(prompt, some_tokens(*engine, 70, 2));
    answer(*open(*engine), "", prompt);  // ends: everything is written
    auto cache = open(*engine);
    EXPECT_EQ(cache->known_tokens("", longer), 0);
    std::vector<float> logits;
    EXPECT_EQ(answer(*cache, "", longer, &logits), 300) << kv_type;
    EXPECT_TRUE(same_bits(logits, cold_logits(*engine, longer))) << kv_type;
    EXPECT_EQ(cache->stats().disk_pages_read, 5);
    cache = open(*engine);
    const Tokens other = joined({prompt.begin(), prompt.begin() + 290}, some_tokens(*engine, 20, 3));
    EXPECT_EQ(answer(*cache, "", other), 256) << kv_type;  // the ending became the beginning of a whole page
    EXPECT_EQ(answer(*cache, "other", other), 0);
    cache = open(*engine);
    EXPECT_EQ(answer(*cache, "", joined(longer, {1, 2, 3})), 370);
    EXPECT_EQ(cache->stats().disk_damaged, 0);
  }
  // Each key-value type is an identity of its own.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 3);
}

TEST_F(PrefixDiskTest, OnlyItsOwnerMayReadIt) {
  const auto engine = load("gemma3.gguf");
  answer(*open(*engine), "", some_tokens(*engine, 200, 1));
  ASSERT_FALSE(files().empty());
  struct stat status;
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, entry.is_directory() ? 0700u : 0600u) << entry.path();
  }
  ASSERT_EQ(::stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(PrefixDiskTest, AnotherModelFindsNothing) {
  const auto engine = load("gemma3.gguf");
  const Tokens tokens = some_tokens(*engine, 200, 1);
  answer(*open(*engine), "", tokens);
  PrefixCacheOptions options = kept(1 << 30);
  options.model_sha256 = std::string(64, 'b');
  const auto other = cache_of(*engine, options);
  EXPECT_EQ(answer(*other, "", tokens), 0);
}

TEST_F(PrefixDiskTest, ADigestThatIsNotGivenIsThatOfTheFile) {
  const auto engine = load("gemma3.gguf");
  std::ifstream model(golden("gemma3.gguf"), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(model), {});
  const Tokens tokens = some_tokens(*engine, 200, 1);
  PrefixCacheOptions options = kept(1 << 30);
  options.model_sha256.clear();
  answer(*cache_of(*engine, options), "", tokens);
  options.model_sha256 = to_hex(sha256_of(bytes));
  EXPECT_EQ(answer(*cache_of(*engine, options), "", tokens), 199);
}

TEST_F(PrefixDiskTest, DamagedFilesAreDeletedCountedAndNeverUsed) {
  const auto engine = load("gemma3.gguf");
  const Tokens tokens = some_tokens(*engine, 5 * 64 + 1, 1);
  const std::vector<float> expected = cold_logits(*engine, tokens);
  answer(*open(*engine), "", tokens);
  const fs::path saved = top_ + "/saved";
  fs::copy(folder_, saved, fs::copy_options::recursive);
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    fs::remove_all(folder_);
    fs::copy(saved, folder_, fs::copy_options::recursive);
    for (const auto& entry : fs::directory_iterator(folder_)) fs::permissions(entry, fs::perms::owner_all);
    const std::vector<fs::path> all = files();
    ASSERT_EQ(all.size(), 6u);
    const fs::path& victim = all[random() % all.size()];
    std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(random() % fs::file_size(victim));
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ (1 << random() % 8)));
    file.close();
    const auto cache = open(*engine);
    std::vector<float> logits;
    const int64_t found = answer(*cache, "", tokens, &logits);
    EXPECT_TRUE(same_bits(logits, expected)) << i;
    if (cache->stats().disk_damaged == 0) continue;  // the last token's page was never asked for
    EXPECT_EQ(cache->stats().disk_damaged, 1);
    EXPECT_LT(found, 320);
  }
}

TEST_F(PrefixDiskTest, TheLimitHoldsAndWhatWasUsedLastStays) {
  const auto engine = load("gemma3.gguf");
  const int64_t file_bytes = engine->kv_pool().page_bytes + kPrefixHeaderBytes, limit = 40 * file_bytes;
  const Tokens favourite = some_tokens(*engine, 8 * 64, 1000);
  {
    const auto cache = open(*engine, limit);
    for (uint32_t i = 0; i < 30; ++i) {
      answer(*cache, "", favourite);
      answer(*cache, "", some_tokens(*engine, 4 * 64, i));
      while (cache->stats().disk_pages_written + cache->stats().disk_dropped < 8 + 4 * (i + 1)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      EXPECT_LE(static_cast<int64_t>(files().size()) * file_bytes, limit);
    }
    EXPECT_LE(cache->stats().disk_bytes, limit);
    EXPECT_EQ(cache->stats().disk_dropped, 0);
  }
  auto cache = open(*engine, limit);
  EXPECT_EQ(answer(*cache, "", joined(favourite, {1})), 8 * 64);
  EXPECT_EQ(answer(*cache, "", some_tokens(*engine, 4 * 64, 0)), 0);
  cache.reset();
  const auto smaller = open(*engine, 10 * file_bytes);
  EXPECT_LE(files().size(), 10u);
}

TEST_F(PrefixDiskTest, AFolderThatCannotBeUsedIsAnError) {
  const auto engine = load("gemma3.gguf");
  std::ofstream(top_ + "/file") << "x";
  PrefixCacheOptions options = kept(1 << 30);
  options.disk_folder = top_ + "/file/prompts";
  const auto refused = PrefixCache::create(*engine, options);
  EXPECT_FALSE(refused.ok());
}

TEST_F(PrefixDiskTest, AFolderThatVanishesCostsOnlyWhatWasToBeKept) {
  const auto engine = load("gemma3.gguf");
  const Tokens tokens = some_tokens(*engine, 200, 1);
  answer(*open(*engine), "", tokens);
  const auto cache = open(*engine);
  fs::remove_all(folder_);
  std::vector<float> logits;
  EXPECT_EQ(answer(*cache, "", tokens, &logits), 0);
  EXPECT_TRUE(same_bits(logits, cold_logits(*engine, tokens)));
  EXPECT_EQ(cache->stats().disk_damaged, 0);
}

}  // namespace
}  // namespace hearth
