// One answer on its way from a handler to a connection, as bytes. Internal to src/server/http.
//
// Contract: handlers write from any thread, under `mutex`; the connection is woken and takes what is there. The bytes
// of a stream that wait here are bounded: above the bound the stream counts as overrun and the connection closes it.
// Not here: sockets (connection.cpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "server/http/message.h"

namespace hearth::server {

class Exchange {
 public:
  struct Options {
    bool head_only = false;  // a HEAD request: no body goes out
    bool chunked = true;     // streams are; else their end is the connection's
    bool keep_alive = true;
    int64_t unsent_bytes = 0;
    int64_t behind_bytes = INT64_MAX;  // unsent ones from which on the reader is behind, until a quarter of them is left
    Headers headers;             // of every answer
    std::function<void()> wake;  // called when there is something to do, from any thread
  };
  explicit Exchange(Options options) : options_(std::move(options)) {}

  // What a Responder tells.
  void send(int status, const Headers& headers, std::string_view body);
  void begin_stream(int status, const Headers& headers);
  void write(std::string_view bytes);
  void end_stream();
  void abort_stream();

  // What the connection asks.
  enum class Progress { kRunning, kComplete, kBroken };
  Progress look();
  // Moves all bytes that wait into `bytes`, which is empty.
  Progress take(std::string* bytes);
  void sent(int64_t bytes);
  bool behind() const { return behind_.load(std::memory_order_relaxed); }
  bool keep_alive() const { return options_.keep_alive; }  // after completion

 private:
  void append_head(int status, const Headers& headers, std::string_view framing);
  void append(std::string_view bytes);
  void notify();

  Options options_;
  std::mutex mutex_;
  std::string outbox_;
  int64_t unsent_ = 0;  // in the outbox and on their way
  std::atomic<bool> behind_{false};
  bool woken_ = false;
  Progress progress_ = Progress::kRunning;
};

std::string_view reason_phrase(int status);

}  // namespace hearth::server
