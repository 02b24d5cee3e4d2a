// Times a tokenizer in milliseconds of processor time: vocabulary ready, encoding rate, decoding rate.
//
// Contract: `tokenizer_bench MODEL.gguf TEXT [ROUNDS]` prints the best and median of ROUNDS runs.
// Not here: correctness (src/text/*_test.cpp).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gguf/view.h"
#include "text/tokenizer.h"

namespace {

// Processor time: other programs on the machine do not count.
double now_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

void print_line(const char* what, std::vector<double> times, double bytes) {
  std::sort(times.begin(), times.end());
  const double best = times.front(), median = times[times.size() / 2];
  std::printf("%-16s best %8.2f ms, median %8.2f ms", what, best, median);
  if (bytes > 0) std::printf(", %6.1f MB/s best, %6.1f MB/s median", bytes / best / 1e3, bytes / median / 1e3);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tokenizer_bench MODEL.gguf TEXT [ROUNDS]\n");
    return 2;
  }
  const int rounds = std::max(1, argc > 3 ? std::atoi(argv[3]) : 7);
  std::ifstream file(argv[2], std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  const std::string text = contents.str();
  auto view = hearth::gguf::View::open(argv[1]);
  if (!view.ok()) {
    std::fprintf(stderr, "%s\n", view.error().message.c_str());
    return 1;
  }
  std::vector<double> ready, encode, decode;
  size_t token_count = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = now_ms();
    auto tokenizer = hearth::text::Tokenizer::from_gguf(**view);
    if (!tokenizer.ok()) {
      std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
      return 1;
    }
    const double loaded = now_ms();
    const std::vector<int32_t> ids = (*tokenizer)->encode(text, {});
    const double encoded = now_ms();
    const std::string back = (*tokenizer)->decode(ids);
    const double decoded = now_ms();
    token_count = ids.size();
    ready.push_back(loaded - start);
    encode.push_back(encoded - loaded);
    decode.push_back(decoded - encoded);
    if (back.empty() != text.empty()) return 1;
  }
  std::printf("%s: %zu bytes, %zu tokens\n", argv[1], text.size(), token_count);
  print_line("vocabulary ready", ready, 0);
  print_line("encode", encode, static_cast<double>(text.size()));
  print_line("decode", decode, static_cast<double>(text.size()));
  return 0;
}
