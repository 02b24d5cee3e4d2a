// Ids of generated strings as the public packages give them, and what must hold for every one of those strings.
//
// Contract: reads the files of tests/oracle/tokenizer_oracle.py: the small ones under tests/goldens/tokenizer always, the
// large ones from the folder that HEARTH_TOKENIZER_ORACLE_DIR names. Ids must match one by one.
// Not here: published vectors (tokenizer_vectors_test.cpp).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "text/test_data.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

struct OracleCase {
  std::string text;
  std::vector<int32_t> parsed, plain;
};

struct OracleFile {
  std::string source;
  std::vector<OracleCase> cases;
};

class OracleReader {
 public:
  explicit OracleReader(const std::string& path) : bytes_(read_test_file(path)) {}

  OracleFile read() {
    OracleFile file;
    if (bytes_.substr(0, 6) != "HTOK1\n") return file;
    position_ = 6;
    file.source = text();
    while (position_ < bytes_.size()) {
      OracleCase entry;
      entry.text = text();
      entry.parsed = ids();
      entry.plain = ids();
      file.cases.push_back(std::move(entry));
    }
    return file;
  }

 private:
  uint32_t number() {
    uint32_t value = 0;
    if (position_ + 4 <= bytes_.size()) std::memcpy(&value, bytes_.data() + position_, 4);
    position_ += 4;
    return value;
  }
  std::string text() {
    const uint32_t length = number();
    std::string result = bytes_.substr(std::min(position_, bytes_.size()), length);
    position_ += length;
    return result;
  }
  std::vector<int32_t> ids() {
    std::vector<int32_t> result(number());
    for (int32_t& id : result) id = static_cast<int32_t>(number());
    return result;
  }
  std::string bytes_;
  size_t position_ = 0;
};

// The tokenizer that a source line names; an empty error and no tokenizer: its data is absent.
LoadedTokenizer load_source(const std::string& source) {
  const size_t colon = source.find(':');
  const std::string kind = source.substr(0, colon), name = source.substr(colon + 1);
  if (kind == "golden") return load_json_tokenizer(read_test_file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/tokenizer/" + name));
  std::string path;
  if (kind == "model") path = model_file(name);
  if (kind == "vocab") path = shared_dir() + "/models/vocab/" + name;
  if (kind == "stories") path = shared_dir() + "/models/stories260K/" + name;
  if (kind == "json") path = shared_dir() + "/models/tokenizers/" + name;
  if (path.empty() || !file_exists(path)) return {};
  if (kind == "json") return load_json_tokenizer(read_gzip_file(path));
  return load_gguf_tokenizer(path);
}

std::string stream(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool* whole) {
  StreamDecoder decoder(tokenizer, true);
  std::string text;
  for (const int32_t id : ids) {
    const std::string part = decoder.push(id);
    *whole &= is_valid_utf8(part);
    text += part;
  }
  return text + decoder.finish();
}

void check_file(const std::string& path) {
  const OracleFile file = OracleReader(path).read();
  ASSERT_GT(file.cases.size(), 50u) << path;
  const LoadedTokenizer loaded = load_source(file.source);
  if (loaded.tokenizer == nullptr && loaded.error.empty()) {
    std::printf("[ not run  ] %s: %s is absent\n", path.c_str(), file.source.c_str());
    return;
  }
  ASSERT_NE(loaded.tokenizer, nullptr) << loaded.error;
  const Tokenizer& tokenizer = *loaded.tokenizer;
  size_t wrong = 0, odd_streams = 0;
  for (const OracleCase& entry : file.cases) {
    for (const bool parse : {true, false}) {
      EncodeOptions options;
      options.parse_special = parse;
      const auto& expected = parse ? entry.parsed : entry.plain;
      const auto ids = tokenizer.encode(entry.text, options);
      if (ids != expected && ++wrong <= 5) {
        EXPECT_EQ(ids, expected) << path << (parse ? "" : " (plain)") << " text: " << testing::PrintToString(entry.text);
      }
      bool whole = true;
      const std::string decoded = tokenizer.decode(ids, true);
      const std::string streamed = stream(tokenizer, ids, &whole);
      odd_streams += !whole || (is_valid_utf8(decoded) && streamed != decoded);
    }
  }
  EXPECT_EQ(wrong, 0u) << path << ": of " << 2 * file.cases.size();
  EXPECT_EQ(odd_streams, 0u) << path;
  std::printf("[ oracle   ] %s: %zu strings, with and without special tokens: %zu wrong\n", path.c_str(), file.cases.size(), wrong);
}

void check_folder(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".ids") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  ASSERT_FALSE(paths.empty()) << folder;
  for (const std::string& path : paths) check_file(path);
}

TEST(TokenizerOracle, Goldens) { check_folder(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/tokenizer"); }

TEST(TokenizerOracle, GeneratedStrings) {
  const char* folder = std::getenv("HEARTH_TOKENIZER_ORACLE_DIR");
  if (folder == nullptr || *folder == '\0') {
    std::printf("[ not run  ] HEARTH_TOKENIZER_ORACLE_DIR is not set (tests/oracle/tokenizer_oracle.py --out DIR fills it)\n");
    return;
  }
  check_folder(folder);
}

}  // namespace
}  // namespace hearth::text
