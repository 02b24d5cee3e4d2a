// Compiles grammars and walks through them, for the scripts that compare with other implementations.
//
// Contract: grammar_driver compile < FILES            one line per schema: its path, "ok" or the error, milliseconds
//           grammar_driver walks VOCABULARY SEED COUNT < FILES   one JSON line per schema: {"file", "texts"}
//           grammar_driver check < LINES              each line "path<TAB>text": 1 if the schema's grammar has the text, else 0
// FILES are paths, one a line; VOCABULARY is a GGUF file, or "bytes" for single bytes. Exit code 1 on an inner contradiction.
// Not here: what is right (tests/grammar/*.py).
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "gguf/view.h"
#include "text/grammar/grammar.h"
#include "text/grammar/json_value.h"
#include "text/grammar/schema.h"
#include "text/tokenizer.h"

namespace {

using namespace hearth;
using namespace hearth::text;
using namespace hearth::text::grammar;

constexpr size_t kFreeTokens = 40;       // random ones, then the shortest way out
constexpr size_t kMaxSteps = 20'000;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

double now_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

std::shared_ptr<TokenVocabulary> byte_vocabulary() {
  std::vector<std::string> pieces;
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  pieces.emplace_back();
  return std::make_shared<TokenVocabulary>(pieces, std::vector<int32_t>{256});
}

std::shared_ptr<TokenVocabulary> load_vocabulary(const std::string& name) {
  if (name == "bytes") return byte_vocabulary();
  auto view = gguf::View::open(name);
  if (!view.ok()) return nullptr;
  auto tokenizer = Tokenizer::from_gguf(**view);
  return tokenizer.ok() ? std::make_shared<TokenVocabulary>(**tokenizer) : nullptr;
}

[[noreturn]] void fail(const std::string& file, const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", file.c_str(), what.c_str());
  std::exit(1);
}

// The byte after which the end is nearest.
bool step_to_end(Matcher* matcher) {
  uint32_t best = UINT32_MAX;
  int chosen = -1;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    auto accepted = matcher->accept_bytes(std::string_view(&c, 1));
    if (!accepted.ok() || !*accepted) continue;
    const uint32_t rest = *matcher->min_bytes_to_end();
    matcher->rollback(1);
    if (rest < best) best = rest, chosen = byte;
  }
  if (chosen < 0) return false;
  const char c = static_cast<char>(chosen);
  return *matcher->accept_bytes(std::string_view(&c, 1));
}

std::string walk(const std::string& file, const std::shared_ptr<Grammar>& grammar, std::mt19937_64* random) {
  Matcher matcher(grammar);
  for (size_t step = 0; step < kMaxSteps; ++step) {
    const bool leave = step > kFreeTokens || (*random)() % 8 == 0;
    if (leave && *matcher.can_end()) return matcher.text();
    if (leave) {
      if (!step_to_end(&matcher)) fail(file, "a dead end after: " + matcher.text());
      continue;
    }
    auto mask = matcher.mask();
    if (!mask.ok()) fail(file, mask.error().message);
    std::vector<int32_t> allowed;
    for (int32_t token = 0; token < grammar->vocabulary().size(); ++token) {
      if ((*mask)->allows(token)) allowed.push_back(token);
    }
    if (allowed.empty()) fail(file, "no token is allowed after: " + matcher.text());
    const int32_t token = allowed[(*random)() % allowed.size()];
    auto accepted = matcher.accept(token);
    if (!accepted.ok() || !*accepted) fail(file, "an allowed token is not accepted after: " + matcher.text());
    if (matcher.ended()) return matcher.text();
  }
  fail(file, "no end after: " + matcher.text().substr(0, 2000));
}

int compile_all() {
  std::string file;
  while (std::getline(std::cin, file)) {
    const double start = now_ms();
    auto rules = compile_schema(read_file(file));
    std::printf("%s\t%s\t%.2f\n", file.c_str(), rules.ok() ? "ok" : rules.error().message.c_str(), now_ms() - start);
  }
  return 0;
}

int walk_all(const std::string& vocabulary_name, uint64_t seed, size_t count) {
  const auto vocabulary = load_vocabulary(vocabulary_name);
  if (!vocabulary) fail(vocabulary_name, "no vocabulary");
  std::string file;
  while (std::getline(std::cin, file)) {
    auto rules = compile_schema(read_file(file));
    if (!rules.ok()) continue;
    const auto grammar = Grammar::create(std::move(rules).value(), vocabulary);
    JsonValue line = JsonValue::object(), texts = JsonValue::array({});
    for (size_t i = 0; i < count; ++i) {
      std::mt19937_64 random(seed + i);
      texts.items.push_back(JsonValue::string(walk(file, grammar, &random)));
    }
    line.set("file", JsonValue::string(file));
    line.set("texts", std::move(texts));
    std::printf("%s\n", write_json(line).c_str());
  }
  return 0;
}

int check_all() {
  const auto vocabulary = byte_vocabulary();
  std::string line, last;
  std::shared_ptr<Grammar> grammar;
  while (std::getline(std::cin, line)) {
    const size_t tab = line.find('\t');
    const std::string file = line.substr(0, tab);
    if (file != last) {
      auto rules = compile_schema(read_file(file));
      if (!rules.ok()) fail(file, rules.error().message);
      grammar = Grammar::create(std::move(rules).value(), vocabulary);
      last = file;
    }
    Matcher matcher(grammar);
    auto accepted = matcher.accept_bytes(line.substr(tab + 1));
    std::printf("%d\n", accepted.ok() && *accepted && *matcher.can_end());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "compile") return compile_all();
  if (mode == "walks" && argc == 5) return walk_all(argv[2], std::strtoull(argv[3], nullptr, 10), std::strtoul(argv[4], nullptr, 10));
  if (mode == "check") return check_all();
  std::fprintf(stderr, "usage: grammar_driver compile|walks VOCABULARY SEED COUNT|check\n");
  return 2;
}
