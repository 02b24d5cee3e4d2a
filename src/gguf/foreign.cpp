// Naming files that are not GGUF, so that the message tells what was probably mixed up.
//
// Contract: looks at the first bytes only; never fails.
// Not here: damaged GGUF files, which have the magic (header.cpp).
#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "gguf/part.h"

namespace hearth::gguf {
namespace {

constexpr size_t kProbeBytes = 512;

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  return std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b); });
}

bool is_text(std::string_view head) {
  head.remove_suffix(utf8_incomplete_tail(head));
  if (head.empty() || !is_valid_utf8(head)) return false;
  return std::all_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\r' || c == '\t' || c == '\f';
  });
}

bool is_safetensors(std::string_view head) {
  uint64_t length;
  if (head.size() < 10) return false;
  std::memcpy(&length, head.data(), sizeof(length));
  return length < (uint64_t{1} << 32) && head[8] == '{';
}

std::string kind_of(std::string_view head) {
  const std::string_view text = head.substr(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  if (text.starts_with("version https://git-lfs")) {
    return "is a Git LFS pointer, not the model itself; fetch the real file (git lfs pull)";
  }
  if (starts_with_ignoring_case(text, "<!doctype html") || starts_with_ignoring_case(text, "<html")) {
    return "is a web page, not a model; the download probably led to an error or login page";
  }
  if (is_safetensors(head)) return "is a safetensors file, not a GGUF model; convert it to GGUF first";
  if (head.starts_with("PK\x03\x04")) return "is a zip archive (or a PyTorch file), not a GGUF model";
  if (head.starts_with("\x1f\x8b")) return "is gzip-compressed; decompress it first";
  if (head.starts_with("\x28\xb5\x2f\xfd")) return "is zstd-compressed; decompress it first";
  for (const char* magic : {"lmgg", "fmgg", "tjgg", "algg"}) {
    if (head.starts_with(magic)) return "is in the old GGML format from before GGUF; get the model as GGUF";
  }
  if (head.starts_with("FUGG")) return "has the GGUF magic with its bytes swapped; it is no valid GGUF file";
  if (is_text(head)) return "is a text file, not a GGUF model (it begins \"" + printable(head, 40) + "\")";
  if (std::all_of(head.begin(), head.end(), [](char c) { return c == 0; })) {
    return "begins with zeros, not with \"GGUF\"; the download was probably interrupted: fetch it again";
  }
  return "is not a GGUF model: it does not begin with \"GGUF\"";
}

}  // namespace

Error foreign_file_error(std::span<const std::byte> bytes, const std::string& path) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kProbeBytes));
  return {ErrorCode::kCorrupt, path + ": " + kind_of(head)};
}

}  // namespace hearth::gguf
