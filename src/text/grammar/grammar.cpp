// The caches of a compiled grammar and the timeline of a matcher.
//
// Contract: see grammar.h. When the recogniser outgrows its budget everything derived is forgotten at once, and each matcher
// finds its state again by reading its own text.
// Not here: how masks are made (mask_builder.cpp).
#include "text/grammar/grammar.h"

#include <algorithm>
#include <bit>

#include "text/tokenizer.h"

namespace hearth::text::grammar {

size_t TokenMask::count() const {
  size_t count = 0;
  for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
  return count;
}

Grammar::Grammar(Rules rules, std::shared_ptr<TokenVocabulary> vocabulary, const GrammarBudgets& budgets)
    : vocabulary_(std::move(vocabulary)), budgets_(budgets), recogniser_(std::move(rules)), builder_(vocabulary_) {
  base_bytes_ = recogniser_.byte_size();
}

std::shared_ptr<Grammar> Grammar::create(Rules rules, std::shared_ptr<TokenVocabulary> vocabulary, const GrammarBudgets& budgets) {
  return std::shared_ptr<Grammar>(new Grammar(std::move(rules), std::move(vocabulary), budgets));
}

size_t Grammar::byte_size() const {
  const std::lock_guard lock(mutex_);
  return recogniser_.byte_size() + builder_.byte_size() + masks_.size() * (static_cast<size_t>(vocabulary_->size()) / 8 + 128);
}

uint64_t Grammar::times_forgotten() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

void Grammar::keep_to_budget() {
  if (recogniser_.byte_size() + builder_.byte_size() <= base_bytes_ + budgets_.recogniser_bytes) return;
  recogniser_.forget();
  builder_.forget();
  masks_.clear();
  mask_index_.clear();
  ++epoch_;
}

Error Grammar::too_ambiguous() {
  // What was half done is not to be relied on.
  recogniser_.forget();
  builder_.forget();
  masks_.clear();
  mask_index_.clear();
  ++epoch_;
  return {ErrorCode::kResource, "the grammar can be read in too many ways here (more than " + std::to_string(kMaxParallelReadings) +
                                    " at once); make its alternatives or repeats less ambiguous"};
}

Result<std::shared_ptr<const TokenMask>> Grammar::mask(StateId state) {
  const auto known = mask_index_.find(state);
  if (known != mask_index_.end()) {
    masks_.splice(masks_.begin(), masks_, known->second);
    return known->second->mask;
  }
  auto mask = std::make_shared<TokenMask>(vocabulary_->size());
  if (!builder_.build(&recogniser_, state, mask->words())) return too_ambiguous();
  const size_t bytes = mask->words().size_bytes() + 128;
  while (!masks_.empty() && (masks_.size() + 1) * bytes > budgets_.mask_bytes) {
    mask_index_.erase(masks_.back().state);
    masks_.pop_back();
  }
  if (bytes <= budgets_.mask_bytes) {
    masks_.push_front({state, mask});
    mask_index_[state] = masks_.begin();
  }
  return std::shared_ptr<const TokenMask>(std::move(mask));
}

Matcher::Matcher(std::shared_ptr<Grammar> grammar) : grammar_(std::move(grammar)), epoch_(UINT64_MAX) {}

Result<StateId> Matcher::advance(StateId state, std::string_view bytes) {
  Recogniser& recogniser = grammar_->recogniser_;
  for (const char c : bytes) {
    state = recogniser.step(state, static_cast<uint8_t>(c));
    if (recogniser.overflowed()) return grammar_->too_ambiguous();
    if (state == kDeadState) break;
  }
  return state;
}

Result<void> Matcher::revive() {
  grammar_->keep_to_budget();
  if (epoch_ == grammar_->epoch_) return {};
  StateId state = grammar_->recogniser_.start();
  if (grammar_->recogniser_.overflowed()) return grammar_->too_ambiguous();
  std::vector<StateId> before;
  for (size_t i = 0; i < steps_.size(); ++i) {
    before.push_back(state);
    const size_t end = i + 1 < steps_.size() ? steps_[i + 1].text_bytes : text_.size();
    state = TRY(advance(state, std::string_view(text_).substr(steps_[i].text_bytes, end - steps_[i].text_bytes)));
  }
  for (size_t i = 0; i < steps_.size(); ++i) steps_[i].before = before[i];
  state_ = state;
  epoch_ = grammar_->epoch_;
  return {};
}

Result<std::shared_ptr<const TokenMask>> Matcher::mask() {
  const std::lock_guard lock(grammar_->mutex_);
  if (ended_) return std::shared_ptr<const TokenMask>(std::make_shared<TokenMask>(grammar_->vocabulary_->size()));
  TRY(revive());
  return grammar_->mask(state_);
}

Result<bool> Matcher::accept(int32_t token) {
  const std::lock_guard lock(grammar_->mutex_);
  if (ended_ || token < 0 || token >= grammar_->vocabulary_->size()) return false;
  TRY(revive());
  if (grammar_->vocabulary_->is_stop(token)) {
    if (!grammar_->recogniser_.can_end(state_)) return false;
    steps_.push_back({state_, static_cast<uint32_t>(text_.size())});
    ended_ = true;
    return true;
  }
  const std::string_view piece = grammar_->vocabulary_->piece(token);
  if (piece.empty()) return false;
  return accept_locked(piece);
}

Result<bool> Matcher::accept_bytes(std::string_view bytes) {
  const std::lock_guard lock(grammar_->mutex_);
  if (ended_) return false;
  TRY(revive());
  return accept_locked(bytes);
}

Result<bool> Matcher::accept_locked(std::string_view bytes) {
  const StateId next = TRY(advance(state_, bytes));
  if (next == kDeadState) return false;
  steps_.push_back({state_, static_cast<uint32_t>(text_.size())});
  text_ += bytes;
  state_ = next;
  return true;
}

void Matcher::rollback(size_t tokens) {
  if (tokens == 0) return;
  CHECK(tokens <= steps_.size());
  const Step& step = steps_[steps_.size() - tokens];
  state_ = step.before;  // of the matcher's epoch, as all of steps_
  text_.resize(step.text_bytes);
  steps_.resize(steps_.size() - tokens);
  ended_ = false;
}

Result<bool> Matcher::can_end() {
  const std::lock_guard lock(grammar_->mutex_);
  TRY(revive());
  return grammar_->recogniser_.can_end(state_);
}

Result<bool> Matcher::must_end() {
  const std::lock_guard lock(grammar_->mutex_);
  TRY(revive());
  return grammar_->recogniser_.can_end(state_) && grammar_->recogniser_.readings(state_).empty();
}

Result<uint32_t> Matcher::min_bytes_to_end() {
  const std::lock_guard lock(grammar_->mutex_);
  TRY(revive());
  return grammar_->recogniser_.min_length(state_);
}

Result<std::pair<std::string, StateId>> Matcher::forced_locked(size_t max_bytes) {
  Recogniser& recogniser = grammar_->recogniser_;
  const RegexAutomaton& automaton = recogniser.automaton();
  std::string forced;
  StateId state = state_;
  while (forced.size() < max_bytes && !recogniser.can_end(state)) {
    int only = -1;
    StateId next = kDeadState;
    for (int byte = 0; byte < 256 && only != 256; ++byte) {
      const StateId after = recogniser.step_class(state, automaton.class_of(static_cast<uint8_t>(byte)));
      if (recogniser.overflowed()) return grammar_->too_ambiguous();
      if (after == kDeadState) continue;
      only = only == -1 ? byte : 256;
      next = after;
    }
    if (only < 0 || only == 256) break;
    forced.push_back(static_cast<char>(only));
    state = next;
  }
  return std::pair(std::move(forced), state);
}

Result<std::string> Matcher::forced_bytes(size_t max_bytes) {
  const std::lock_guard lock(grammar_->mutex_);
  if (ended_) return std::string();
  TRY(revive());
  return TRY(forced_locked(max_bytes)).first;
}

// How many of the tokens stay whatever follows: those before the first from whose beginning an allowed token reaches further
// than the forced bytes.
size_t Matcher::settled_tokens(std::span<const int32_t> tokens, std::string_view forced, StateId end) {
  const TokenVocabulary& vocabulary = *grammar_->vocabulary_;
  size_t begin = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view rest = forced.substr(begin);
    for (const TokenTrie* trie : {&vocabulary.short_tokens(), &vocabulary.long_tokens()}) {
      if (rest.size() >= trie->depth()) continue;
      const int64_t node = trie->find(rest);
      if (node >= 0 && grammar_->builder_.any_below(&grammar_->recogniser_, *trie, static_cast<uint32_t>(node), end)) return i;
    }
    begin += vocabulary.piece(tokens[i]).size();
  }
  return tokens.size();
}

namespace {

// As the tokenizer writes it, with tokens that are shown for what is their text.
std::vector<int32_t> encode_shown(const Tokenizer& tokenizer, const TokenVocabulary& vocabulary, std::string_view text) {
  EncodeOptions options;
  options.parse_special = false;
  std::vector<int32_t> tokens;
  for (size_t begin = 0; begin < text.size();) {
    size_t next = text.size();
    int32_t mark = -1;
    for (const int32_t id : vocabulary.shown()) {
      const size_t place = text.find(vocabulary.piece(id), begin);
      if (place < next) next = place, mark = id;
    }
    const std::vector<int32_t> plain = tokenizer.encode(text.substr(begin, next - begin), options);
    tokens.insert(tokens.end(), plain.begin(), plain.end());
    begin = next;
    if (mark < 0) break;
    tokens.push_back(mark);
    begin += vocabulary.piece(mark).size();
  }
  return tokens;
}

}  // namespace

Result<std::vector<int32_t>> Matcher::forced_tokens(const Tokenizer& tokenizer, size_t max_bytes) {
  const std::lock_guard lock(grammar_->mutex_);
  if (ended_) return std::vector<int32_t>();
  TRY(revive());
  const TokenVocabulary& vocabulary = *grammar_->vocabulary_;
  if (grammar_->recogniser_.can_end(state_) && grammar_->recogniser_.readings(state_).empty()) {
    return vocabulary.stop_ids().size() == 1 ? vocabulary.stop_ids() : std::vector<int32_t>();
  }
  const auto [forced, end] = TRY(forced_locked(max_bytes));
  if (forced.empty()) return std::vector<int32_t>();
  std::vector<int32_t> tokens = encode_shown(tokenizer, vocabulary, forced);
  // A tokenizer that changes its text (a space put before it, normalisation) cannot say how these bytes are written.
  std::string written;
  for (const int32_t token : tokens) {
    if (vocabulary.piece(token).empty()) return std::vector<int32_t>();
    written += vocabulary.piece(token);
  }
  if (written != forced) return std::vector<int32_t>();
  tokens.resize(settled_tokens(tokens, forced, end));
  if (grammar_->recogniser_.overflowed()) return grammar_->too_ambiguous();
  return tokens;
}

}  // namespace hearth::text::grammar
