// Contract and exclusions: cli/bench/speculation.h.
#include "cli/bench/speculation.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/terminal.h"
#include "engine/generate.h"
#include "engine/prompt.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

constexpr int64_t kContext = 2048;
constexpr int64_t kAnswerTokens = 320;

struct Text {
  const char* name;
  const char* meaning;
  const char* prompt;
};

constexpr Text kTexts[] = {
    {"copy", "repeat code, one name changed",
     R"(Repeat this code exactly, but rename the function `parse_header` to `read_header`. Print only the code.

```python
import struct


class HeaderError(ValueError):
    """Raised when a header cannot be read."""


def parse_header(data, offset=0):
    """Returns (version, length, flags) of the header at offset."""
    if len(data) < offset + 12:
        raise HeaderError("the header is shorter than 12 bytes")
    magic, version, flags, length = struct.unpack_from("<4sHHI", data, offset)
    if magic != b"HDR1":
        raise HeaderError("the magic number is wrong")
    if version > 3:
        raise HeaderError("version %d is not supported" % version)
    return version, length, flags


def parse_all(data):
    """Yields every record of the data."""
    offset = 0
    while offset < len(data):
        version, length, flags = parse_header(data, offset)
        start = offset + 12
        end = start + length
        if end > len(data):
            raise HeaderError("a record is longer than the file")
        yield version, flags, data[start:end]
        offset = end


def main(path):
    with open(path, "rb") as file:
        data = file.read()
    for version, flags, payload in parse_all(data):
        print(version, flags, len(payload))
    print(parse_header(data))
```)"},
    {"prose", "a story",
     "Write a story of several pages about the keeper of a lighthouse who finds a letter in a bottle. Describe the sea, the "
     "weather and what he remembers, without repeating yourself."},
};

struct Rates {
  const Text* text;
  double plain = 0, guessing = 0;  // tokens per second, medians
  double ratio = 0;                // median over the pairs of runs
  GenerateResult last;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Result<std::vector<int32_t>> prompt_tokens_of(const Engine& engine, const Text& text) {
  if (engine.chat_template() == nullptr) return text_prompt(engine, text.prompt);
  return chat_prompt(engine, {{"user", text.prompt}});
}

double rate_of(const GenerateResult& result) {
  return result.decode_ms > 0 ? static_cast<double>(result.decode_tokens) * 1e3 / result.decode_ms : 0;
}

bool same_tokens(const GenerateResult& a, const GenerateResult& b) {
  const auto same = [](const GeneratedToken& x, const GeneratedToken& y) { return x.id == y.id; };
  return std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end(), same);
}

Result<Rates> measure(const Engine& engine, Session& session, Speculator* speculator, const Text& text, int runs) {
  const std::vector<int32_t> prompt = TRY(prompt_tokens_of(engine, text));
  GenerateOptions options;
  options.sampler.temperature = 0;
  options.max_tokens = kAnswerTokens;
  Rates rates{&text, 0, 0, 0, {}};
  std::vector<double> plain, guessing, ratios;
  for (int run = 0; run < runs; ++run) {
    options.speculator = nullptr;
    const GenerateResult without = TRY(generate(engine, session, prompt, options, {}, interrupt_flag()));
    options.speculator = speculator;
    rates.last = TRY(generate(engine, session, prompt, options, {}, interrupt_flag()));
    if (interrupt_flag()->load()) return Error{ErrorCode::kCancelled, "interrupted"};
    if (!same_tokens(without, rates.last)) {
      return Error{ErrorCode::kInternal, "the answers with and without guessing ahead differ: this is a bug in hearth"};
    }
    if (without.decode_tokens == 0) return Error{ErrorCode::kInvalidArgument, "the model says nothing to measure"};
    plain.push_back(rate_of(without));
    guessing.push_back(rate_of(rates.last));
    ratios.push_back(guessing.back() / plain.back());
  }
  rates.plain = median(plain);
  rates.guessing = median(guessing);
  rates.ratio = median(ratios);
  return rates;
}

Result<std::vector<Rates>> measure_all(EngineOptions engine, const DraftOptions& draft, int runs, bool quiet) {
  engine.context = kContext;
  const LoadedModel model = TRY(load_model(engine, quiet));
  model.reading->finish();
  const std::unique_ptr<Session> session = TRY(model.engine->new_session());
  std::vector<Rates> all;
  for (const Text& text : kTexts) {
    const Drafting drafting = TRY(make_drafting(draft, engine, *model.engine, quiet));  // nothing learnt from another text
    all.push_back(TRY(measure(*model.engine, *session, drafting.speculator.get(), text, runs)));
  }
  return all;
}

void print_json(const std::vector<Rates>& all) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const Rates& rates : all) {
    object[rates.text->name] = {{"plain", rates.plain},
                                {"guessing", rates.guessing},
                                {"ratio", rates.ratio},
                                {"tokens", rates.last.decode_tokens},
                                {"steps", rates.last.decode_steps},
                                {"drafted", rates.last.drafted_tokens},
                                {"accepted", rates.last.accepted_tokens}};
  }
  std::printf("%s\n", object.dump().c_str());
}

void print_table(const std::vector<Rates>& all) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const Rates& rates : all) {
    char line[256];
    std::snprintf(line, sizeof line, "%.1f tokens/s, %.1f without: %.2f times; %lld steps for %lld tokens, %lld of %lld guesses right",
                  rates.guessing, rates.plain, rates.ratio, static_cast<long long>(rates.last.decode_steps),
                  static_cast<long long>(rates.last.decode_tokens), static_cast<long long>(rates.last.accepted_tokens),
                  static_cast<long long>(rates.last.drafted_tokens));
    fields.emplace_back(rates.text->meaning, line);
  }
  std::fputs(format_fields(fields).c_str(), stdout);
}

}  // namespace

int bench_speculation(const EngineOptions& engine, const DraftOptions& draft, int runs, bool json) {
  const Result<std::vector<Rates>> all = measure_all(engine, draft, runs, json);
  if (!all.ok()) return report(all.error());
  if (json) {
    print_json(*all);
  } else {
    print_table(*all);
  }
  return kExitDone;
}

}  // namespace hearth::cli
