// What is told of a request when it is over.
//
// Contract: whoever handles the request adds what he knows, from any thread, and holds the record meanwhile; when the last one
// lets go, it is reported once. Texts of prompts and answers are added only where keeps_texts() says that somebody asked for
// them. Not here: how it is written down (server/request_log.h).
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"

namespace hearth::server {

struct RequestFacts {
  std::string id, method, path;  // the path without its query
  std::string key;               // the name of its key; empty without one
  std::string route, dialect;    // empty if it reached no route
  int status = 0;                // 0: the client went before there was one
  bool client_gone = false;      // before the answer was complete
  int64_t begun_ns = 0;          // monotonic
  double seconds = 0;            // from its head to the end of its answer
  std::string model;
  int answers = 0;
  int64_t prompt_tokens = 0, reused_tokens = 0, answer_tokens = 0;  // of all answers
  double load_ms = 0, prompt_ms = 0, answer_ms = 0;                 // of the longest answer
  std::string finish_reason;     // of the last answer
  std::string error;             // what went wrong, in words that were sent
  std::string asked, answered;   // texts, where they are kept
};

class RequestRecord {
 public:
  using Report = std::function<void(const RequestFacts&)>;
  RequestRecord(Report report, bool keeps_texts) : report_(std::move(report)), keeps_texts_(keeps_texts) {
    facts_.begun_ns = monotonic_ns();
  }
  RequestRecord(const RequestRecord&) = delete;
  RequestRecord& operator=(const RequestRecord&) = delete;
  ~RequestRecord() {
    facts_.seconds = seconds_since(facts_.begun_ns);
    if (report_) report_(facts_);
  }

  bool keeps_texts() const { return keeps_texts_; }
  template <class Change>
  void add(Change change) {
    const std::lock_guard lock(mutex_);
    change(facts_);
  }

 private:
  const Report report_;
  const bool keeps_texts_;
  std::mutex mutex_;
  RequestFacts facts_;
};

}  // namespace hearth::server
