// The table of word-splitting rules by name.
//
// Contract: see pre_tokenizer.h. The patterns are those of the models' published tokenizer.json files, stage by stage. Where
// a model normalises to NFC its tokenizer.json decides, since GGUF has no key for it.
// Not here: matching.
#include "text/pre_tokenizer.h"

#include <array>
#include <optional>
#include <string>

namespace hearth::text {

namespace {

constexpr std::string_view kGpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
constexpr std::string_view kLlama3Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";
constexpr std::string_view kQwen2Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";
constexpr std::string_view kSingleNumbersPattern = "\\p{N}";
// A fused stage of kSingleNumbersPattern and kGpt2Pattern; not a pattern itself.
constexpr std::string_view kDigitsThenGpt2 = "\\p{N} then gpt-2";

constexpr std::string_view kTekkenPattern =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"
    "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr std::string_view kGpt4oPattern =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
// Cased letters, as deepseek-llm enumerates them.
constexpr std::string_view kDeepseekLetters =
    "\\s?[A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}"
    "\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}"
    "\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}"
    "\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}"
    "\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}"
    "\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}"
    "\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}"
    "\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}"
    "\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}"
    "\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}"
    "\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}"
    "\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}"
    "\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}]+";
constexpr std::string_view kDeepseekPunctuation =
    "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+";
constexpr std::string_view kDeepseekIdeographs = "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+";
constexpr std::string_view kDeepseek3Words =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
    " ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr std::string_view kDeepseek3Ideographs = "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+";
constexpr std::string_view kFalconPunctuation = "[\\p{P}\\$\\+<=>\\^~\\|`]+";

constexpr size_t kMostStages = 6;

struct Rule {
  std::string_view names;  // separated by spaces
  std::array<std::string_view, kMostStages> stages;
  bool nfc = false;
  bool ignore_merges = false;
  bool adds_start = false;
};

constexpr Rule kRules[] = {
    {"gpt-2 gpt2 phi-2 jina-es jina-de jina-v2-es jina-v2-de roberta-bpe jais minerva-7b", {kGpt2Pattern}},
    {"mpt olmo gpt-neox", {kGpt2Pattern}, true},
    {"smollm starcoder refact codeshell", {kDigitsThenGpt2}},
    {"command-r", {kDigitsThenGpt2}, true, false, true},
    {"qwen2 deepseek-r1-qwen", {kQwen2Pattern}, true},
    {"stablelm2", {kQwen2Pattern}},
    {"llama-bpe llama3 llama-v3", {kLlama3Pattern}, false, true, true},
    {"dbrx smaug-bpe", {kLlama3Pattern}},
    {"tekken", {kTekkenPattern}, false, true, true},
    {"gpt-4o llama4", {kGpt4oPattern}},
    {"deepseek-llm",
     {"[\\r\\n]", kDeepseekLetters, kDeepseekPunctuation, "\\s+$", kDeepseekIdeographs, "\\p{N}+"},
     false, false, true},
    {"deepseek-coder", {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", kDeepseekIdeographs, kSingleNumbersPattern}, false, false,
     true},
    {"deepseek-v3", {"\\p{N}{1,3}", kDeepseek3Ideographs, kDeepseek3Words}, false, false, true},
    {"falcon", {kFalconPunctuation, kGpt2Pattern, "[0-9][0-9][0-9]"}},
    {"chameleon",
     {"<sentinel:[0-9]+>|(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", kSingleNumbersPattern,
      "[\\p{P}!-/:-@\\[-`{-~]", kGpt2Pattern},
     false, false, true},
};

bool contains_name(std::string_view names, std::string_view wanted) {
  while (!names.empty()) {
    const size_t space = names.find(' ');
    if (names.substr(0, space) == wanted) return true;
    if (space == std::string_view::npos) break;
    names.remove_prefix(space + 1);
  }
  return false;
}

std::optional<KnownSplit> known_pattern(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return KnownSplit::kGpt2;
  if (pattern == kLlama3Pattern) return KnownSplit::kLlama3;
  if (pattern == kQwen2Pattern) return KnownSplit::kQwen2;
  if (pattern == kSingleNumbersPattern) return KnownSplit::kSingleNumbers;
  if (pattern == kDigitsThenGpt2) return KnownSplit::kGpt2Digits;
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Splitter>> make_pattern_splitter(std::string_view pattern, SplitBehaviour behaviour) {
  const auto known = known_pattern(pattern);
  if (known && behaviour == SplitBehaviour::kIsolated) return make_known_splitter(*known);
  return make_regex_splitter(pattern, behaviour, false);
}

Result<PreTokenizer> make_pre_tokenizer(std::string_view name) {
  for (const Rule& rule : kRules) {
    if (!contains_name(rule.names, name)) continue;
    PreTokenizer result;
    result.nfc = rule.nfc;
    result.ignore_merges = rule.ignore_merges;
    result.adds_start = rule.adds_start;
    for (const std::string_view stage : rule.stages) {
      if (!stage.empty()) result.chain.add(TRY(make_pattern_splitter(stage, SplitBehaviour::kIsolated)));
    }
    return result;
  }
  return Error{ErrorCode::kUnsupported, "the file splits words by the rule \"" + std::string(name.substr(0, 64)) +
                                            "\" (tokenizer.ggml.pre), which this version does not know"};
}

}  // namespace hearth::text
