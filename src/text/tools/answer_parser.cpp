// The answer's states around its calls. Contract and exclusions: answer_parser.h.
#include "text/tools/answer_parser.h"

#include <algorithm>
#include <optional>
#include <random>

#include "text/tools/call_reader.h"
#include "text/tools/event_sink.h"
#include "text/tools/whole_answer.h"

namespace hearth::text::tools {

namespace {

std::string random_id() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string id;
  for (int i = 0; i < 9; ++i) id.push_back(kCharacters[random() % kCharacters.size()]);
  return id;
}

bool is_all_blank(std::string_view text) { return std::all_of(text.begin(), text.end(), is_blank); }

}  // namespace

struct AnswerParser::Impl {
  enum class State : uint8_t { kOpening, kReasoning, kText, kWhole, kCall, kBroken, kFinished };

  explicit Impl(ParserOptions given)
      : options(std::move(given)), sink(options.new_id ? options.new_id : random_id), looks_for_calls(options.tools.active()) {
    if (looks_for_calls) {
      if (!options.format.calls.mark.empty()) forms.push_back(&options.format.calls);
      for (const CallForm& form : options.format.others) forms.push_back(&form);
    }
    const bool reasons = options.format.reasoning.exists();
    state = !reasons ? State::kText : State::kOpening;
    if (reasons && options.begins_in_reasoning) enter_reasoning();
  }

  void feed(std::string_view bytes) {
    for (const char c : bytes) step(c);
  }

  void step(char c) {
    switch (state) {
      case State::kOpening: return opening(c);
      case State::kReasoning: return reasoning(c);
      case State::kText: return text(c);
      case State::kWhole: return whole(c);
      case State::kCall: return call(c);
      case State::kBroken: return broken(c);
      case State::kFinished: return;
    }
  }

  // Text of the kind that is going on; white space waits until it is known what it stands before.
  void emit(EventKind kind, std::string_view piece, bool keeps_blanks = false) {
    for (const char c : piece) {
      if (is_blank(c) && !keeps_blanks && blanks.size() < kMaxHeldBytes) {
        blanks.push_back(c);
        continue;
      }
      if (!blanks.empty()) {
        if (!drops_blanks) sink.text(kind, blanks);
        blanks.clear();
      }
      drops_blanks = at_start = after_a_call = false;
      sink.text(kind, std::string_view(&c, 1));
    }
  }
  void flush_blanks(EventKind kind) {
    if (!drops_blanks) sink.text(kind, blanks);
    blanks.clear();
    drops_blanks = false;
  }
  EventKind reasoning_kind() const { return options.splits_reasoning ? EventKind::kReasoning : EventKind::kContent; }

  // The answer's first characters: reasoning or not.
  void opening(char c) {
    held.push_back(c);
    const std::string_view begin = options.format.reasoning.begin;
    std::string_view seen = held;
    while (!seen.empty() && is_blank(seen.front())) seen.remove_prefix(1);
    if (seen.empty() ? held.size() < kMaxHeldBytes : begin.starts_with(seen)) {
      if (seen != begin || seen.empty()) return;
      if (!options.splits_reasoning) emit(EventKind::kContent, held, true);
      held.clear();
      enter_reasoning();
      return;
    }
    state = State::kText;
    feed(std::exchange(held, {}));
  }

  void enter_reasoning() {
    state = State::kReasoning;
    drops_blanks = options.splits_reasoning;
  }

  void reasoning(char c) {
    held.push_back(c);
    const ReasoningForm& form = options.format.reasoning;
    while (!held.empty()) {
      const bool again = at_start && options.splits_reasoning && !form.begin.empty() && form.begin.starts_with(held);
      if (held == form.end || (again && held == form.begin)) {
        const bool ended = held == form.end;
        if (!options.splits_reasoning) {
          flush_blanks(EventKind::kContent);
          emit(EventKind::kContent, held, true);
        }
        held.clear();
        if (!ended) return;
        blanks.clear();
        state = State::kText;
        at_start = true;
        drops_blanks = options.splits_reasoning;
        return;
      }
      if (form.end.starts_with(held) || again) return;
      emit(reasoning_kind(), std::string_view(held).substr(0, 1));
      held.erase(0, 1);
    }
  }

  const CallForm* form_beginning(std::string_view seen, bool whole_mark) const {
    for (const CallForm* form : forms) {
      if (whole_mark ? form->mark == seen : std::string_view(form->mark).starts_with(seen)) return form;
    }
    return nullptr;
  }

  bool is_bare() const { return looks_for_calls && options.format.calls.mark.empty(); }

  void text(char c) {
    if (!looks_for_calls) return emit(EventKind::kContent, std::string_view(&c, 1), !drops_blanks);
    // Where nothing but calls may come, a call without a mark begins by itself.
    if (is_bare() && options.tools.forced() && held.empty() && (c == '{' || c == '[')) {
      begin_call(options.format.calls);
      return call(c);
    }
    if (at_start && held.empty() && !is_blank(c)) {
      at_start = false;
      gate.emplace();
      state = State::kWhole;
      return whole(c);
    }
    held.push_back(c);
    while (!held.empty()) {
      if (const CallForm* form = form_beginning(held, true)) {
        held.clear();
        return begin_call(*form);
      }
      if (form_beginning(held, false) != nullptr) return;
      emit(EventKind::kContent, std::string_view(held).substr(0, 1));
      held.erase(0, 1);
    }
  }

  // The whole answer could be a call in JSON.
  void whole(char c) {
    held.push_back(c);
    if (held.size() <= kMaxHeldBytes && gate->push(c)) return;
    state = State::kText;
    feed(std::exchange(held, {}));
  }

  void begin_call(const CallForm& form) {
    current = &form;
    before_call = std::exchange(blanks, {});
    reader.emplace(form, options.tools, form.mark, &sink);
    state = State::kCall;
  }

  void call(char c) { took(reader->push(c)); }

  void took(CallReader::Step step) {
    switch (step) {
      case CallReader::Step::kMore: return;
      case CallReader::Step::kEnded: return after_call();
      case CallReader::Step::kEndedBefore: {
        const std::string rest = reader->unread();
        after_call();
        return feed(rest);
      }
      case CallReader::Step::kNotACall: return not_a_call();
      case CallReader::Step::kBroken: break;
    }
    raw = reader->take_raw();
    problem = reader->problem();
    end_mark = reader->end_mark();
    reader.reset();
    state = State::kBroken;
  }

  void after_call() {
    reader.reset();
    state = State::kText;
    blanks.clear();
    at_start = drops_blanks = false;
    after_a_call = true;
  }

  void not_a_call() {
    const std::string rest = reader->unread();
    reader.reset();
    state = State::kText;
    blanks = std::exchange(before_call, {});
    emit(EventKind::kContent, current->mark);
    if (current->mark.empty() && !rest.empty()) {
      emit(EventKind::kContent, std::string_view(rest).substr(0, 1));
      return feed(std::string_view(rest).substr(1));
    }
    feed(rest);
  }

  void broken(char c) {
    raw.push_back(c);
    const bool ends = !end_mark.empty() && std::string_view(raw).ends_with(end_mark);
    if (ends || raw.size() >= kMaxHeldBytes) end_broken();
  }

  void end_broken() {
    if (!is_all_blank(raw)) sink.malformed(std::exchange(raw, {}), std::exchange(problem, {}));
    raw.clear();
    after_call();
  }

  void finish() {
    switch (state) {
      case State::kOpening: {
        state = State::kText;
        feed(std::exchange(held, {}));
        return finish();
      }
      case State::kReasoning:
        emit(reasoning_kind(), std::exchange(held, {}));
        flush_blanks(reasoning_kind());
        break;
      case State::kText:
        emit(EventKind::kContent, std::exchange(held, {}));
        if (!after_a_call) flush_blanks(EventKind::kContent);
        break;
      case State::kWhole: finish_whole(); break;
      case State::kCall:
        took(reader->finish());  // what was none can begin another one
        return finish();
      case State::kBroken: end_broken(); break;
      case State::kFinished: return;
    }
    state = State::kFinished;
  }

  void finish_whole() {
    const std::string answer = std::exchange(held, {});
    const auto calls = whole_answer_calls(options.tools, answer);
    if (!calls) {
      state = State::kText;
      feed(answer);
      return finish();
    }
    for (size_t i = 0; i < calls->size(); ++i) {
      sink.begin_call((*calls)[i].name);
      sink.arguments((*calls)[i].arguments);
      sink.end_call(i == 0 ? answer : std::string());
    }
  }

  const ParserOptions options;
  EventSink sink;
  const bool looks_for_calls;
  std::vector<const CallForm*> forms;
  State state = State::kText;
  std::string held;              // could be the beginning of a mark, or of a call as a whole answer
  std::string blanks;            // white space of which it is not known what it stands before
  bool drops_blanks = false;     // it stands behind a mark of reasoning
  bool at_start = true;          // of reasoning or of what follows it
  bool after_a_call = false;
  std::optional<WholeAnswerGate> gate;
  std::optional<CallReader> reader;
  const CallForm* current = nullptr;
  std::string before_call;       // white space before its mark
  std::string raw, problem, end_mark;  // of what is broken
};

AnswerParser::AnswerParser(ParserOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
AnswerParser::~AnswerParser() = default;
AnswerParser::AnswerParser(AnswerParser&&) noexcept = default;
AnswerParser& AnswerParser::operator=(AnswerParser&&) noexcept = default;

void AnswerParser::push(std::string_view bytes, std::vector<AnswerEvent>* events) {
  impl_->sink.write_to(events);
  impl_->feed(bytes);
}

void AnswerParser::finish(std::vector<AnswerEvent>* events) {
  impl_->sink.write_to(events);
  impl_->finish();
}

int AnswerParser::calls() const { return impl_->sink.ended(); }
bool AnswerParser::in_reasoning() const { return impl_->state == Impl::State::kReasoning; }

std::vector<AnswerEvent> parse_answer(const ParserOptions& options, std::string_view answer) {
  AnswerParser parser(options);
  std::vector<AnswerEvent> events;
  parser.push(answer, &events);
  parser.finish(&events);
  return events;
}

ParsedAnswer gather(const std::vector<AnswerEvent>& events) {
  ParsedAnswer answer;
  for (const AnswerEvent& event : events) {
    switch (event.kind) {
      case EventKind::kReasoning: answer.reasoning += event.text; break;
      case EventKind::kContent: answer.content += event.text; break;
      case EventKind::kCallBegin: answer.calls.push_back({event.id, event.name, ""}); break;
      case EventKind::kCallArguments: answer.calls.back().arguments += event.text; break;
      case EventKind::kCallEnd: break;
      case EventKind::kMalformedCall:
        if (event.call >= 0) answer.calls.pop_back();
        answer.malformed.push_back({event.raw, event.text});
        break;
    }
  }
  return answer;
}

}  // namespace hearth::text::tools
