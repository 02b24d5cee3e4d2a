// Where the tokenizer tests find their data, and how they load it.
//
// Contract: for tests only. Absent data is told apart from wrong data: the finders return "" or false.
// Not here: expectations.
#pragma once



#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "gguf/view.h"
#include "text/tokenizer.h"

namespace hearth::text {

inline bool file_exists(const std::string& path) { return std::filesystem::is_regular_file(path); }

inline std::string shared_dir() {
  const char* set = std::getenv("HEARTH_SHARED_DIR");
  return set != nullptr && *set != '\0' ? set : std::string(HEARTH_SOURCE_DIR) + "/../shared";
}

// Path of a fetched model, "" if it is not there.
inline std::string model_file(const std::string& name) {
  std::string folder;
  if (const char* set = std::getenv("HEARTH_MODEL_CACHE")) {
    folder = set;
  } else if (const char* cache = std::getenv("XDG_CACHE_HOME")) {
    folder = std::string(cache) + "/hearth/models";
  } else if (const char* home = std::getenv("HOME")) {
    folder = std::string(home) + "/.cache/hearth/models";
  }
  const std::string path = folder + "/" + name;
  return file_exists(path) ? path : "";
}

inline std::string read_test_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}


// A .gz file, unpacked; "" if it cannot be read.
inline std::string read_gzip_file(const std::string& path) {
  std::string out;
  FILE* pipe = popen(("gzip -dc '" + path + "' 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[1 << 16];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  pclose(pipe);
  return out;
}

struct LoadedTokenizer {
  std::unique_ptr<Tokenizer> tokenizer;
  std::string error;
};

inline LoadedTokenizer load_gguf_tokenizer(const std::string& path) {
  auto view = gguf::View::open(path);
  if (!view.ok()) return {nullptr, view.error().message};
  auto tokenizer = Tokenizer::from_gguf(**view);
  if (!tokenizer.ok()) return {nullptr, tokenizer.error().message};
  return {std::move(tokenizer).value(), ""};
}

inline LoadedTokenizer load_json_tokenizer(const std::string& json) {
  auto tokenizer = Tokenizer::from_json(json);
  if (!tokenizer.ok()) return {nullptr, tokenizer.error().message};
  return {std::move(tokenizer).value(), ""};
}

}  // namespace hearth::text
