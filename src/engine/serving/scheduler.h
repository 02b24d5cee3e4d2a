// Scheduler: which answers are made next, a step at a time.
//
// Contract: a deterministic state machine without threads, clocks or models of its own: all of that is behind a Runner. One
// step is one token (or a trial of guesses) of every answer that is being made, and pieces of prompts for which the step
// still is short enough. Owners share fairly. Every accepted answer ends exactly once: what fails ends alone, what is
// preempted for want of pages goes on later with the same bits, and the oldest answer always gets on. An answer that nobody
// reads pauses, and gives its session to whoever waits for one.
// Not here: threads and callbacks (serving/service.h), what is computed in a step (the Runner).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/serving/answer.h"
#include "engine/serving/fair_shares.h"
#include "engine/serving/step_times.h"
#include "hearth/error.h"

namespace hearth {

class Scheduler {
 public:
  struct Options {
    int max_running = 4;
    int queue_limit = 512;
    int64_t max_step_tokens = 512;
    double step_seconds = 0.12;          // of a step that answers wait for
    double prompts_seconds = 0.5;        // of a step of several prompts: the short one's answer waits for it
    double prompt_seconds = 1.5;         // of a step of one prompt, for which only newcomers wait
    double watchdog_seconds = 600;
    double patience_seconds = 2;         // of an owner without a session while another has several
    int64_t reserve_tokens = 128;        // of answer for which there must be pages when a prompt is begun
    int most_guessing = 8;               // answers that may guess ahead in one step
  };

  // One answer's part of a step.
  struct Item {
    AnswerId id = 0;
    int64_t prompt_tokens = 0;           // the next of its timeline; 0: it is past its prompt
    bool prompt_ends = false;            // with these
    bool may_guess = false;
    int64_t tokens = 0;                  // out: that its session holds more than before, also after an error
    bool finished = false;               // out
  };

  struct Pages {
    int64_t free = 0;
    int64_t cached = 0;                  // that nobody but the cache holds
  };

  // What the scheduler decides about. `end` and what it calls may submit and cancel, the others may not.
  struct Runner {
    std::function<int64_t()> now_ns;
    std::function<Pages()> pages;
    std::function<int64_t(int64_t tokens)> pages_of;                     // of a timeline from its start
    std::function<int64_t(AnswerId, int64_t tokens)> pages_needed;       // beyond those that its session has
    std::function<int64_t(int64_t count)> evict;                         // cached ones; how many more are free now
    std::function<bool(AnswerId)> ready;                                 // false: what it begins with is being read; may stay unset
    std::function<bool(AnswerId)> behind;                                // its reader is: no more for him now; may stay unset
    std::function<Result<int64_t>(AnswerId)> open;                       // a session for it; tokens that it holds already
    std::function<void(AnswerId)> close;                                 // the session goes, what was made stays
    std::function<Result<void>(std::span<Item>)> step;
    std::function<void(AnswerId, const Result<void>& outcome)> end;      // kCancelled: on request
  };

  Scheduler(const Options& options, Runner runner) : options_(options), runner_(std::move(runner)) {}

  // kResource if as many are waiting as may. Ids grow.
  Result<void> submit(AnswerId id, const std::string& owner, int64_t prompt_tokens);
  void cancel(AnswerId id);      // an unknown one: nothing happens
  void cancel_all();
  // Does what is next. False: there is nothing to do.
  bool step();
  // The last step found nobody who can get on: all wait for their readers.
  bool pauses() const { return pauses_; }

  int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }
  int64_t running() const { return static_cast<int64_t>(running_.size()); }

  struct View {
    AnswerId id = 0;
    int session = -1;            // -1: waiting
    int64_t timeline = 0;        // tokens that must be held before the answer goes on
    int64_t held = 0;
    int64_t before = -1;         // of a waiting one: those that would be served first
  };
  std::vector<View> view() const;
  const FairShares& shares() const { return shares_; }
  const StepTimes& times() const { return times_; }
  int64_t preemptions() const { return preemptions_; }

 private:
  struct Answer {
    AnswerId id = 0;
    FairShares::Owner* owner = nullptr;
    int64_t timeline = 0;        // tokens that its session must hold before it is past its prompt
    int64_t held = 0;
    int64_t charged = 0;         // tokens its owner has been charged for; those that are redone are free
    int session = -1;
    bool cancelled = false;
    int64_t since_ns = 0;        // waiting: in the queue; running: the last progress
    bool decodes() const { return session >= 0 && held >= timeline; }
  };

  static bool before(const Answer* a, const Answer* b);
  Answer* next_waiting() const;
  void end(Answer* answer, const Result<void>& outcome);
  void end_cancelled();
  void end_stuck();
  void leave_session(Answer* answer);
  void preempt(Answer* answer);
  bool fits(const Answer& answer) const;
  void admit();
  bool open(Answer* answer);
  void make_way();
  Answer* paused_one() const;
  std::vector<Item> plan() const;
  void plan_prompts(int64_t answers, std::vector<Item>* items) const;
  int64_t missing_pages(std::span<const Item> items) const;
  void make_room(std::vector<Item>* items);
  bool shorten(Item* item);
  void run(std::vector<Item>& items);
  void run_alone(std::vector<Item>& items);
  void account(const Item& item);
  Answer* find(AnswerId id);
  bool behind(const Answer& answer) const { return runner_.behind && runner_.behind(answer.id); }

  const Options options_;
  const Runner runner_;
  FairShares shares_;
  StepTimes times_;
  std::map<AnswerId, Answer> answers_;
  std::vector<Answer*> waiting_, running_;
  std::vector<bool> sessions_;   // in use
  int64_t preemptions_ = 0;
  bool pauses_ = false;
};

}  // namespace hearth
