// Answers as HTTP/1.1 bytes.
//
// Contract: see exchange.h. Header values that hold line ends, which no caller of ours writes, lose them: a value can
// never begin a header of its own. Not here: what is answered.
#include "server/http/exchange.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace hearth::server {

std::string_view reason_phrase(int status) {
  constexpr std::pair<int, std::string_view> kPhrases[] = {{200, "OK"},
                                                           {201, "Created"},
                                                           {202, "Accepted"},
                                                           {204, "No Content"},
                                                           {304, "Not Modified"},
                                                           {400, "Bad Request"},
                                                           {401, "Unauthorized"},
                                                           {403, "Forbidden"},
                                                           {404, "Not Found"},
                                                           {405, "Method Not Allowed"},
                                                           {406, "Not Acceptable"},
                                                           {408, "Request Timeout"},
                                                           {409, "Conflict"},
                                                           {413, "Content Too Large"},
                                                           {414, "URI Too Long"},
                                                           {415, "Unsupported Media Type"},
                                                           {417, "Expectation Failed"},
                                                           {422, "Unprocessable Content"},
                                                           {429, "Too Many Requests"},
                                                           {431, "Request Header Fields Too Large"},
                                                           {499, "Client Closed Request"},
                                                           {500, "Internal Server Error"},
                                                           {501, "Not Implemented"},
                                                           {503, "Service Unavailable"},
                                                           {504, "Gateway Timeout"},
                                                           {505, "HTTP Version Not Supported"},
                                                           {507, "Insufficient Storage"},
                                                           {529, "Overloaded"}};
  for (const auto& [number, phrase] : kPhrases) {
    if (number == status) return phrase;
  }
  return "Unknown";
}

static bool has_no_body(int status) {
  return status == 204 || status == 304;
}

static std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday], parts.tm_mday,
                kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text.data();
}

static void append_field(std::string* out, std::string_view name, std::string_view value) {
  out->append(name);
  out->append(": ");
  for (const char c : value) {
    if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') out->push_back(c);
  }
  out->append("\r\n");
}

void Exchange::append(std::string_view bytes) {
  outbox_.append(bytes);
  unsent_ += static_cast<int64_t>(bytes.size());
}

void Exchange::append_head(int status, const Headers& headers, std::string_view framing) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n";
  append_field(&head, "date", http_date());
  for (const auto& [name, value] : headers) {
    if (!has_no_body(status) || name != "content-type") append_field(&head, name, value);
  }
  for (const auto& [name, value] : options_.headers) append_field(&head, name, value);
  head.append(framing);
  append_field(&head, "connection", options_.keep_alive ? "keep-alive" : "close");
  head.append("\r\n");
  append(head);
}

void Exchange::notify() {
  if (std::exchange(woken_, true)) return;
  options_.wake();
}

void Exchange::send(int status, const Headers& headers, std::string_view body) {
  const std::lock_guard lock(mutex_);
  const bool length = !has_no_body(status);
  append_head(status, headers, length ? "content-length: " + std::to_string(body.size()) + "\r\n" : std::string());
  if (length && !options_.head_only) append(body);
  progress_ = Progress::kComplete;
  notify();
}

void Exchange::begin_stream(int status, const Headers& headers) {
  const std::lock_guard lock(mutex_);
  if (!options_.chunked) options_.keep_alive = false;
  append_head(status, headers, options_.chunked ? "transfer-encoding: chunked\r\n" : "");
  notify();
}

void Exchange::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (progress_ != Progress::kRunning || options_.head_only) return;
  // Judged by what waits already, so that one large piece does not end the stream of a reader that keeps up.
  if (unsent_ > options_.unsent_bytes) {
    progress_ = Progress::kBroken;
    std::string().swap(outbox_);
    return notify();
  }
  if (options_.chunked) {
    std::array<char, 24> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    append(size.data());
  }
  append(bytes);
  if (options_.chunked) append("\r\n");
  if (unsent_ > options_.behind_bytes) behind_ = true;
  notify();
}

void Exchange::end_stream() {
  const std::lock_guard lock(mutex_);
  if (progress_ != Progress::kRunning) return;
  if (options_.chunked && !options_.head_only) append("0\r\n\r\n");
  progress_ = Progress::kComplete;
  notify();
}

void Exchange::abort_stream() {
  const std::lock_guard lock(mutex_);
  if (progress_ != Progress::kRunning) return;
  progress_ = Progress::kBroken;
  notify();
}

Exchange::Progress Exchange::look() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  return progress_;
}

Exchange::Progress Exchange::take(std::string* bytes) {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  bytes->swap(outbox_);
  return progress_;
}

void Exchange::sent(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  unsent_ -= bytes;
  if (unsent_ <= options_.behind_bytes / 4) behind_ = false;
}

}  // namespace hearth::server
