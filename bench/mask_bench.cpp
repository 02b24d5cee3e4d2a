// What masks cost: microseconds of processor time per token, along given texts with a real vocabulary, as JSON.
//
// Contract: `mask_bench MODEL.gguf FOLDER`: FOLDER holds schemas NAME.json and texts of them NAME.json.K.txt, K from 0. Every
// schema begins with a new grammar; what grammars share per vocabulary stays, as in a server. Prints one object: the time to
// prepare the vocabulary, and figures of compiling, the first mask, every mask and every accepted token.
// Not here: which schemas, the other engine and the table (bench/mask_cost.py); correctness (src/text/grammar/*_test.cpp).
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
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
namespace fs = std::filesystem;

// Processor time of this thread: other programs on the machine do not count.
double now_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void print_figures(const char* what, std::vector<double> times) {
  if (times.empty()) times.push_back(0);
  std::sort(times.begin(), times.end());
  double sum = 0;
  for (const double time : times) sum += time;
  const auto at = [&](double part) { return times[static_cast<size_t>(part * static_cast<double>(times.size() - 1))]; };
  std::printf(",\n \"%s\": {\"count\": %zu, \"mean_us\": %.2f, \"median_us\": %.2f, \"p99_us\": %.2f, \"worst_us\": %.2f}", what,
              times.size(), sum / static_cast<double>(times.size()), at(0.5), at(0.99), times.back());
}

struct Times {
  std::vector<double> compile, first, mask, accept, token;
};

// False if the grammar does not have the text.
bool follow(const std::shared_ptr<Grammar>& grammar, const std::vector<int32_t>& tokens, bool first_text, Times* times) {
  Matcher matcher(grammar);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const double start = now_us();
    const auto mask = matcher.mask();
    const double masked = now_us();
    if (!mask.ok() || !(*mask)->allows(tokens[i])) return false;
    const double before = now_us();
    const auto taken = matcher.accept(tokens[i]);
    const double after = now_us();
    if (!taken.ok() || !*taken) return false;
    if (i == 0 && first_text) times->first.push_back(masked - start);
    times->mask.push_back(masked - start);
    times->accept.push_back(after - before);
    times->token.push_back(masked - start + after - before);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: mask_bench MODEL.gguf FOLDER\n");
    return 2;
  }
  auto view = hearth::gguf::View::open(argv[1]);
  auto tokenizer = view.ok() ? Tokenizer::from_gguf(**view) : Result<std::unique_ptr<Tokenizer>>(view.error());
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 1;
  }
  const double start = now_us();
  const auto vocabulary = std::make_shared<TokenVocabulary>(**tokenizer);
  std::printf("{\"vocabulary\": %d, \"vocabulary_ms\": %.1f, \"vocabulary_bytes\": %zu", vocabulary->size(), (now_us() - start) / 1e3,
              vocabulary->byte_size());
  Times times;
  std::vector<fs::path> schemas;
  for (const auto& entry : fs::directory_iterator(argv[2])) {
    if (entry.path().extension() == ".json") schemas.push_back(entry.path());
  }
  std::sort(schemas.begin(), schemas.end());
  for (const fs::path& path : schemas) {
    const std::string schema = read_file(path);
    const double before = now_us();
    auto rules = compile_schema(schema);
    if (!rules.ok()) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), rules.error().message.c_str());
      return 1;
    }
    const auto grammar = Grammar::create(std::move(rules).value(), vocabulary);
    times.compile.push_back(now_us() - before);
    for (int k = 0;; ++k) {
      const fs::path text = path.string() + "." + std::to_string(k) + ".txt";
      if (!fs::exists(text)) break;
      if (follow(grammar, (*tokenizer)->encode(read_file(text), {false, false}), k == 0, &times)) continue;
      std::fprintf(stderr, "%s is not a text of its schema\n", text.c_str());
      return 1;
    }
  }
  print_figures("compile", times.compile);
  print_figures("first_mask", times.first);
  print_figures("mask", times.mask);
  print_figures("accept", times.accept);
  print_figures("token", times.token);
  std::printf("}\n");
  return 0;
}
