// Where tests find the tiny story model, and whether they can.
//
// Contract: only a checkout without the folder of shared models may skip a test; a folder that lacks the file fails it.
// Not here: loading.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hearth {

inline std::string shared_models() {
  const char* shared = std::getenv("HEARTH_SHARED_DIR");
  return (shared ? shared : std::string(HEARTH_SOURCE_DIR) + "/../shared") + "/models";
}

inline std::string stories_path() { return shared_models() + "/stories260K/stories260K.gguf"; }

inline bool has_shared_models() { return std::filesystem::exists(shared_models()); }

}  // namespace hearth
