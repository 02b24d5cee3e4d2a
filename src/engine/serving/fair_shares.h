// FairShares: who is served next, by what everybody has used.
//
// Contract: weighted-fair queueing with equal weights. Every owner with answers has a time that grows with the tokens used
// for it; the common time grows as it would if all active owners were served alike. Somebody who comes (back) starts at the
// common time: nobody saves up by staying away, and whoever waits is overtaken by newcomers only for a bounded number of
// tokens. Owners without answers are forgotten as soon as they owe nothing.
// Not here: queues and sessions (serving/scheduler.h).
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace hearth {

class FairShares {
 public:
  // Tokens by which somebody who used less than his share may later be preferred.
  static constexpr double kMaxCredit = 8192;

  struct Owner {
    std::string name;
    int answers = 0;    // waiting or being made
    int running = 0;    // of these, being made
    double time = 0;    // the lowest is served next
  };

  // The owner has one answer more, or one less. Pointers stay valid while it has answers.
  Owner* join(const std::string& name);
  void leave(Owner* owner);
  void charge(Owner* owner, int64_t tokens);

  int active() const { return active_; }
  size_t known() const { return owners_.size(); }
  const std::unordered_map<std::string, Owner>& owners() const { return owners_; }

 private:
  void forget_settled();

  std::unordered_map<std::string, Owner> owners_;
  double common_time_ = 0;
  int active_ = 0;        // owners with answers
  size_t sweep_at_ = 64;  // owners
};

}  // namespace hearth
