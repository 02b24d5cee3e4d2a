// Fuzz target: answers out of arbitrary bytes, in every family's format, whole and in pieces.
//
// Contract: nothing may crash or hang, no byte may be lost, and how an answer is cut must not show. The first two bytes choose
// format and choice.
// Not here: grammars.
#include <cstdlib>

#include "text/tools/test_formats.h"

namespace {

using namespace hearth::text::tools;

size_t dense_size(const std::string& text) {
  size_t size = 0;
  for (const char c : text) size += c != ' ' && c != '\n' && c != '\t' && c != '\r';
  return size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  static std::vector<AnswerFormat> formats;
  if (formats.empty()) {
    for (const std::string& family : families()) formats.push_back(format_named(family));
  }
  ParserOptions options = parser_options(formats[data[0] % formats.size()],
                                         test_tools(data[1] % 3 == 0 ? ToolChoice::kRequired : ToolChoice::kAuto));
  options.splits_reasoning = false;
  options.begins_in_reasoning = data[1] % 2 == 1;
  const std::string answer(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::vector<AnswerEvent> whole = parse_answer(options, answer);
  size_t told = 0;
  for (const AnswerEvent& event : whole) {
    told += dense_size(event.raw) + (event.kind == EventKind::kContent ? dense_size(event.text) : 0);
  }
  if (told != dense_size(answer)) std::abort();
  AnswerParser parser(options);
  std::vector<AnswerEvent> pieces;
  for (const char c : answer) parser.push(std::string_view(&c, 1), &pieces);
  parser.finish(&pieces);
  const ParsedAnswer left = gather(whole), right = gather(pieces);
  if (left.content != right.content || left.calls.size() != right.calls.size()) std::abort();
  for (size_t i = 0; i < left.calls.size(); ++i) {
    if (left.calls[i].arguments != right.calls[i].arguments) std::abort();
  }
  return 0;
}
