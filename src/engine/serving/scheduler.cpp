// Contract and exclusions: scheduler.h.
#include "engine/serving/scheduler.h"

#include <algorithm>

namespace hearth {
namespace {

double seconds(int64_t from_ns, int64_t to_ns) { return static_cast<double>(to_ns - from_ns) * 1e-9; }

template <class T>
void remove_from(std::vector<T*>* list, const T* one) {
  list->erase(std::find(list->begin(), list->end(), one));
}

}  // namespace

Result<void> Scheduler::submit(AnswerId id, const std::string& owner, int64_t prompt_tokens) {
  CHECK(prompt_tokens > 0 && (answers_.empty() || answers_.rbegin()->first < id));
  if (static_cast<int64_t>(answers_.size()) >= int64_t{options_.max_running} + options_.queue_limit) {
    return Error{ErrorCode::kResource, "the queue is full: " + std::to_string(waiting()) + " answers are waiting"};
  }
  Answer& answer = answers_[id];
  answer.id = id;
  answer.owner = shares_.join(owner);
  answer.timeline = prompt_tokens;
  answer.since_ns = runner_.now_ns();
  waiting_.push_back(&answer);
  return {};
}

Scheduler::Answer* Scheduler::find(AnswerId id) {
  const auto it = answers_.find(id);
  return it == answers_.end() ? nullptr : &it->second;
}

void Scheduler::cancel(AnswerId id) {
  if (Answer* answer = find(id)) answer->cancelled = true;
}

void Scheduler::cancel_all() {
  for (auto& [id, answer] : answers_) answer.cancelled = true;
}

// Who is served first: the owner that used least, of his answers the oldest.
bool Scheduler::before(const Answer* a, const Answer* b) {
  if (a->owner->time != b->owner->time) return a->owner->time < b->owner->time;
  return a->id < b->id;
}

Scheduler::Answer* Scheduler::next_waiting() const {
  Answer* next = nullptr;
  for (Answer* answer : waiting_) {
    if ((next == nullptr || before(answer, next)) && !behind(*answer)) next = answer;
  }
  return next;
}

void Scheduler::leave_session(Answer* answer) {
  runner_.close(answer->id);
  sessions_[answer->session] = false;
  answer->session = -1;
  --answer->owner->running;
  remove_from(&running_, answer);
}

void Scheduler::end(Answer* answer, const Result<void>& outcome) {
  if (answer->session >= 0) {
    leave_session(answer);
  } else {
    remove_from(&waiting_, answer);
  }
  const AnswerId id = answer->id;
  shares_.leave(answer->owner);
  answers_.erase(id);
  runner_.end(id, outcome);
}

void Scheduler::end_cancelled() {
  std::vector<Answer*> cancelled;
  for (auto& [id, answer] : answers_) {
    if (answer.cancelled) cancelled.push_back(&answer);
  }
  for (Answer* answer : cancelled) end(answer, Error{ErrorCode::kCancelled, "stopped on request"});
}

// What makes no progress would hold its session for ever.
void Scheduler::end_stuck() {
  const int64_t now = runner_.now_ns();
  const std::vector<Answer*> running = running_;
  for (Answer* answer : running) {
    if (behind(*answer)) answer->since_ns = now;
    if (seconds(answer->since_ns, now) <= options_.watchdog_seconds) continue;
    const auto limit = static_cast<int64_t>(options_.watchdog_seconds);
    end(answer, Error{ErrorCode::kInternal, "the answer made no progress for " + std::to_string(limit) + " s and was ended"});
  }
}

// Back into the queue; what it has is made again from its tokens, with the same bits.
void Scheduler::preempt(Answer* answer) {
  ++preemptions_;
  answer->timeline = std::max(answer->timeline, answer->held);
  leave_session(answer);
  answer->held = 0;
  answer->since_ns = runner_.now_ns();
  waiting_.push_back(answer);
}

// Whether its prompt and the beginning of an answer find pages beside what the running ones are about to take.
bool Scheduler::fits(const Answer& answer) const {
  if (running_.empty()) return true;
  int64_t needed = runner_.pages_of(answer.timeline + options_.reserve_tokens);
  for (const Answer* other : running_) {
    const int64_t left = std::max<int64_t>(0, other->timeline - other->held);
    needed += runner_.pages_needed(other->id, left + options_.reserve_tokens);
  }
  const Pages pages = runner_.pages();
  return needed <= pages.free + pages.cached;
}

bool Scheduler::open(Answer* answer) {
  const Result<int64_t> held = runner_.open(answer->id);
  if (!held.ok()) {
    end(answer, held.error());
    return false;
  }
  size_t session = 0;
  while (session < sessions_.size() && sessions_[session]) ++session;
  if (session == sessions_.size()) sessions_.push_back(false);
  sessions_[session] = true;
  answer->session = static_cast<int>(session);
  answer->held = *held;
  answer->charged = std::max(answer->charged, *held);
  answer->since_ns = runner_.now_ns();
  ++answer->owner->running;
  remove_from(&waiting_, answer);
  running_.push_back(answer);
  return true;
}

// An answer that does not fit is waited for: whoever overtook it would take its pages. So is one whose pages are being read.
void Scheduler::admit() {
  make_way();
  while (Answer* next = next_waiting()) {
    if (static_cast<int>(running_.size()) >= options_.max_running || !fits(*next)) {
      Answer* paused = paused_one();
      if (paused == nullptr) return;
      preempt(paused);
      continue;
    }
    if (runner_.ready && !runner_.ready(next->id)) return;
    open(next);
  }
}

// Of the answers with a session that pause the last one; null if there is none.
Scheduler::Answer* Scheduler::paused_one() const {
  const auto paused = std::find_if(running_.rbegin(), running_.rend(), [&](const Answer* answer) { return behind(*answer); });
  return paused == running_.rend() ? nullptr : *paused;
}

// One session of whoever has several, for an owner that has been waiting without any.
void Scheduler::make_way() {
  if (static_cast<int>(running_.size()) < options_.max_running) return;
  const Answer* next = next_waiting();
  if (next == nullptr || next->owner->running > 0) return;
  if (seconds(next->since_ns, runner_.now_ns()) < options_.patience_seconds) return;
  Answer* victim = nullptr;
  for (Answer* answer : running_) {
    // Whoever used less than the one that waits would be let in again before it.
    if (answer->owner->running < 2 || answer->owner->time < next->owner->time) continue;
    const bool better = victim == nullptr || answer->owner->running > victim->owner->running ||
                        (answer->owner->running == victim->owner->running && answer->id > victim->id);
    if (better) victim = answer;
  }
  if (victim != nullptr) preempt(victim);
}

std::vector<Scheduler::Item> Scheduler::plan() const {
  std::vector<Item> items;
  for (const Answer* answer : running_) {
    const bool room = static_cast<int64_t>(items.size()) < options_.max_step_tokens;
    if (answer->decodes() && room && !behind(*answer)) items.push_back({answer->id});
  }
  const auto answers = static_cast<int64_t>(items.size());
  plan_prompts(answers, &items);
  const bool guess = static_cast<int64_t>(items.size()) == answers && answers <= options_.most_guessing;
  for (Item& item : items) item.may_guess = guess;
  return items;
}

void Scheduler::plan_prompts(int64_t answers, std::vector<Item>* items) const {
  std::vector<const Answer*> prompts;
  for (const Answer* answer : running_) {
    if (!answer->decodes()) prompts.push_back(answer);
  }
  std::sort(prompts.begin(), prompts.end(), before);
  const double alone = prompts.size() > 1 ? options_.prompts_seconds : options_.prompt_seconds;
  int64_t room = times_.prompt_tokens(answers, answers > 0 ? options_.step_seconds : alone, options_.max_step_tokens - answers);
  for (const Answer* answer : prompts) {
    if (room <= 0) return;
    const int64_t left = answer->timeline - answer->held;
    Item item{answer->id};
    item.prompt_tokens = std::min(room, left);
    item.prompt_ends = item.prompt_tokens == left;
    room -= item.prompt_tokens;
    items->push_back(item);
  }
}

int64_t Scheduler::missing_pages(std::span<const Item> items) const {
  int64_t needed = 0;
  for (const Item& item : items) needed += runner_.pages_needed(item.id, std::max<int64_t>(1, item.prompt_tokens));
  return needed - runner_.pages().free;
}

// The longest piece of its prompt for which there are pages. False: not even one token.
bool Scheduler::shorten(Item* item) {
  const int64_t whole = item->prompt_tokens;
  while (item->prompt_tokens > 1 && missing_pages({item, 1}) > 0) item->prompt_tokens /= 2;
  item->prompt_ends = item->prompt_ends && item->prompt_tokens == whole;
  return missing_pages({item, 1}) <= 0;
}

// Pages for the step: what is cached goes first, then answers that pause, then the youngest, which is never the one that gets on.
void Scheduler::make_room(std::vector<Item>* items) {
  for (int64_t missing = missing_pages(*items); missing > 0; missing = missing_pages(*items)) {
    if (runner_.evict(missing) > 0) continue;
    if (running_.size() > 1) {
      Answer* paused = paused_one();
      Answer* youngest = *std::max_element(running_.begin(), running_.end(),
                                           [](const Answer* a, const Answer* b) { return a->id < b->id; });
      Answer* victim = paused != nullptr ? paused : youngest;
      std::erase_if(*items, [&](const Item& item) { return item.id == victim->id; });
      preempt(victim);
      continue;
    }
    if (items->empty() || shorten(&items->front())) return;
    end(running_.front(), Error{ErrorCode::kResource, "the key-value cache is too small for this answer: load the model with "
                                                      "a larger pool or ask for less"});
    items->clear();
  }
}

void Scheduler::account(const Item& item) {
  Answer* answer = find(item.id);
  answer->held += item.tokens;
  if (item.tokens > 0) answer->since_ns = runner_.now_ns();
  if (answer->held > answer->charged) {
    shares_.charge(answer->owner, answer->held - answer->charged);
    answer->charged = answer->held;
  }
  if (item.finished) end(answer, {});
}

// Finds the one whose fault it was. Items that got on before the error have had their turn.
void Scheduler::run_alone(std::vector<Item>& items) {
  for (Item& item : items) {
    if (item.tokens > 0 || item.finished) {
      account(item);
      continue;
    }
    const Result<void> done = runner_.step({&item, 1});
    if (!done.ok() && done.error().code != ErrorCode::kCancelled && item.tokens == 0) {
      end(find(item.id), done.error());
      continue;
    }
    account(item);
  }
}

void Scheduler::run(std::vector<Item>& items) {
  const int64_t start = runner_.now_ns();
  for (Answer* answer : running_) {  // whose turn it is not cannot get on
    const bool part = std::any_of(items.begin(), items.end(), [&](const Item& item) { return item.id == answer->id; });
    if (!part) answer->since_ns = start;
  }
  const Result<void> done = runner_.step(items);
  if (!done.ok() && done.error().code == ErrorCode::kCancelled) {
    for (const Item& item : items) account(item);
    return;
  }
  if (!done.ok()) return run_alone(items);
  int64_t answers = 0, prompt = 0;
  for (const Item& item : items) {
    answers += item.prompt_tokens == 0 ? 1 : 0;
    prompt += item.prompt_tokens;
  }
  times_.measured(answers, prompt, seconds(start, runner_.now_ns()));
  for (const Item& item : items) account(item);
}

bool Scheduler::step() {
  end_cancelled();
  end_stuck();
  admit();
  std::vector<Item> items = plan();
  pauses_ = items.empty() && std::all_of(answers_.begin(), answers_.end(), [&](const auto& one) { return behind(one.second); });
  make_room(&items);
  if (!items.empty()) run(items);
  return !answers_.empty();
}

std::vector<Scheduler::View> Scheduler::view() const {
  std::vector<View> views;
  for (const Answer* answer : running_) views.push_back({answer->id, answer->session, answer->timeline, answer->held, -1});
  std::vector<const Answer*> queue(waiting_.begin(), waiting_.end());
  std::sort(queue.begin(), queue.end(), before);
  for (size_t i = 0; i < queue.size(); ++i) {
    views.push_back({queue[i]->id, -1, queue[i]->timeline, 0, static_cast<int64_t>(i)});
  }
  return views;
}

}  // namespace hearth
