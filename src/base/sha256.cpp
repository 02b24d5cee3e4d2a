// SHA-256 over OpenSSL's EVP interface, which uses the processor's SHA instructions where it has them.
//
// Contract: see sha256.h.
#include "base/sha256.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/os_error.h"

namespace hearth {
namespace {

constexpr size_t kReadBytes = 1 << 20;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Result<Digest> parse_digest(std::string_view hex) {
  Digest digest{};
  bool valid = hex.size() == 2 * digest.size();
  for (size_t i = 0; valid && i < digest.size(); ++i) {
    const int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
    valid = high >= 0 && low >= 0;
    digest[i] = static_cast<uint8_t>(high * 16 + low);
  }
  if (!valid) return Error{ErrorCode::kInvalidArgument, "a SHA-256 is 64 hex digits, 0-9 and a-f"};
  return digest;
}

std::string to_hex(const Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  Impl() { CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1); }
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) { CHECK(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) == 1); }

Digest Sha256::digest() const {
  Impl copy;
  Digest digest{};
  unsigned length = 0;
  CHECK(EVP_MD_CTX_copy_ex(copy.context, impl_->context) == 1);
  CHECK(EVP_DigestFinal_ex(copy.context, digest.data(), &length) == 1 && length == digest.size());
  return digest;
}

Digest sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.digest();
}

Result<void> hash_file(int file_descriptor, const std::string& path, uint64_t bytes, Sha256* hash,
                       const std::function<void(uint64_t)>& progress, const std::atomic<bool>* cancel) {
  std::vector<char> buffer(kReadBytes);
  uint64_t done = 0;
  while (done < bytes) {
    if (cancel != nullptr && cancel->load()) return Error{ErrorCode::kCancelled, "interrupted"};
    const size_t want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), bytes - done));
    const ssize_t got = pread(file_descriptor, buffer.data(), want, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(errno, "cannot read " + path);
    if (got == 0) return Error{ErrorCode::kCorrupt, path + " is shorter than expected"};
    hash->update({buffer.data(), static_cast<size_t>(got)});
    done += static_cast<uint64_t>(got);
    if (progress) progress(done);
  }
  return {};
}

}  // namespace hearth
