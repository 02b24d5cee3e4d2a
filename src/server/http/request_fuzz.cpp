// libFuzzer target: any bytes, in any two pieces, give the same request; what is accepted fits its contract, and the
// gate judges it without harm.
//
// Run: build/fuzz/request_fuzz -max_len=4096
// Not here: expected values (request_parser_test.cpp, gate_test.cpp).
#include <cstdint>
#include <cstdlib>

#include "base/utf8.h"
#include "server/http/gate.h"

namespace {

using hearth::server::RequestParser;

struct Outcome {
  RequestParser::State state;
  int status;
  std::string text;  // of the head and the body
  size_t taken;
};

Outcome parse(std::string_view bytes, size_t cut) {
  RequestParser parser(2048, 1000);
  std::string input;
  size_t taken = 0;
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    input += piece;
    while (parser.state() == RequestParser::State::kHead || parser.state() == RequestParser::State::kBody) {
      const auto before = parser.state();
      const size_t step = parser.feed(input);
      if (step > input.size()) std::abort();
      input.erase(0, step);
      taken += step;
      if (step == 0 && parser.state() == before) break;
    }
  }
  Outcome out{parser.state(), parser.failure_status(), {}, taken};
  if (out.state != RequestParser::State::kDone) return out;
  if (parser.body_bytes() > 1000) std::abort();
  out.text = parser.head().method + ' ' + parser.head().target + '\n';
  for (const auto& [name, value] : parser.head().headers) out.text += name + ':' + value + '\n';
  out.text += parser.take_body();
  return out;
}

void judge(std::string_view bytes) {
  RequestParser parser(2048, 1000);
  parser.feed(bytes);
  if (parser.state() == RequestParser::State::kHead || parser.state() == RequestParser::State::kFailed) return;
  const auto target = hearth::server::parse_target(parser.head().method, parser.head().target);
  if (!target.ok()) return;
  if (!hearth::is_valid_utf8(target->path) || target->path.find('\0') != std::string::npos) std::abort();
  if (("/" + target->path + "/").find("/../") != std::string::npos) std::abort();
  hearth::server::GateOptions options;
  options.host_names = {"box.lan"};
  options.origins = {"https://*.example.org"};
  options.keys = {{"me", hearth::server::sha256_hex("secret"), hearth::server::Scope::kInfer}};
  const auto decision = hearth::server::decide(options, {}, parser.head(), *target);
  if (decision.status >= 400 && decision.message.empty()) std::abort();
  if (!hearth::is_valid_utf8(hearth::server::error_body(decision.status, decision.message))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = parse(bytes, bytes.size());
  const Outcome pieces = parse(bytes, data[0] * bytes.size() / 256);
  const bool done = whole.state == RequestParser::State::kDone;
  if (done != (pieces.state == RequestParser::State::kDone)) std::abort();
  if (done && (whole.text != pieces.text || whole.taken != pieces.taken)) std::abort();
  judge(bytes);
  return 0;
}
