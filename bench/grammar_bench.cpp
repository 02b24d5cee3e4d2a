// What masks cost: microseconds of processor time per token, over random walks through schemas with a real vocabulary.
//
// Contract: `grammar_bench MODEL.gguf SCHEMA...` prints per vocabulary the time to prepare it, and over all schemas the time to
// compile, the first mask, and mean, median, 99th percentile and worst of a mask. Each schema begins with a new grammar; what
// grammars share per vocabulary stays, as in a server.
// Not here: correctness (src/text/grammar/*_test.cpp).
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "gguf/view.h"
#include "text/grammar/grammar.h"
#include "text/grammar/schema.h"
#include "text/tokenizer.h"

namespace {

using namespace hearth;
using namespace hearth::text;
using namespace hearth::text::grammar;

constexpr int kWalks = 3, kTokens = 60;

// Processor time of this thread: other programs on the machine do not count.
double now_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void print_line(const char* what, std::vector<double> times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  double sum = 0;
  for (const double time : times) sum += time;
  const auto at = [&](double part) { return times[static_cast<size_t>(part * static_cast<double>(times.size() - 1))]; };
  std::printf("%-12s n %6zu  mean %8.1f us  median %8.1f  p99 %8.1f  worst %8.1f\n", what, times.size(),
              sum / static_cast<double>(times.size()), at(0.5), at(0.99), times.back());
}

struct Times {
  std::vector<double> compile, first, mask, accept;
};

// Mostly short tokens of the kind that models write; a fresh mask for every token, as the loop needs it.
void walk(const std::shared_ptr<Grammar>& grammar, uint64_t seed, bool first_walk, Times* times) {
  std::mt19937_64 random(seed);
  Matcher matcher(grammar);
  for (int step = 0; step < kTokens && !matcher.ended(); ++step) {
    const double start = now_us();
    const auto mask = matcher.mask();
    const double done = now_us();
    if (!mask.ok()) return;
    if (step == 0 && first_walk) times->first.push_back(done - start);
    times->mask.push_back(done - start);
    std::vector<int32_t> allowed;
    for (int32_t token = 0; token < grammar->vocabulary().size(); ++token) {
      if ((*mask)->allows(token)) allowed.push_back(token);
    }
    const int32_t token = allowed[random() % allowed.size()];
    const double before = now_us();
    if (!matcher.accept(token).ok()) return;
    times->accept.push_back(now_us() - before);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: grammar_bench MODEL.gguf SCHEMA...\n");
    return 2;
  }
  auto view = hearth::gguf::View::open(argv[1]);
  if (!view.ok()) {
    std::fprintf(stderr, "%s\n", view.error().message.c_str());
    return 1;
  }
  auto tokenizer = Tokenizer::from_gguf(**view);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 1;
  }
  const double start = now_us();
  const auto vocabulary = std::make_shared<TokenVocabulary>(**tokenizer);
  std::printf("%s: %d tokens, trees in %.1f ms, %.1f MiB\n", argv[1], vocabulary->size(), (now_us() - start) / 1e3,
              static_cast<double>(vocabulary->byte_size()) / (1 << 20));
  Times times;
  for (int i = 2; i < argc; ++i) {
    const std::string schema = read_file(argv[i]);
    const double before = now_us();
    auto rules = compile_schema(schema);
    if (!rules.ok()) {
      std::printf("%s: %s\n", argv[i], rules.error().message.c_str());
      continue;
    }
    const auto grammar = Grammar::create(std::move(rules).value(), vocabulary);
    times.compile.push_back(now_us() - before);
    for (int k = 0; k < kWalks; ++k) walk(grammar, static_cast<uint64_t>(i * 100 + k), k == 0, &times);
  }
  print_line("compile", times.compile);
  print_line("first mask", times.first);
  print_line("mask", times.mask);
  print_line("accept", times.accept);
  return 0;
}
