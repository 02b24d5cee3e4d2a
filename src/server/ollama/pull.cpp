// POST /api/pull. Contract: server/ollama/ollama.h.
//
// A pull runs in the background, so that it does not hold one of the threads that answer requests. It ends when its client
// goes away; what has been fetched stays for the next one.
#include "base/clock.h"
#include "server/background.h"
#include "server/ollama/ollama.h"
#include "server/ollama/request.h"
#include "server/stream.h"

namespace hearth::server::ollama {

namespace {

constexpr int64_t kProgressNs = 100'000'000;

class PullWriter {
 public:
  PullWriter(const ResponderPtr& responder, const library::Entry& entry, bool streams, std::string request_id)
      : responder_(responder),
        stream_(responder, EventStream::Form::kLines),
        sha256_(entry.sha256),
        streams_(streams),
        request_id_(std::move(request_id)) {}

  void status(const char* text) {
    if (streams_) stream_.send(Json{{"status", text}});
  }

  void progress(const library::PullProgress& progress) {
    const bool verifying = progress.phase == "verifying";
    const bool first = verifying && !verifying_;
    verifying_ = verifying;
    if (first) status("verifying sha256 digest");
    const int64_t now = monotonic_ns();
    if (!streams_ || verifying || now - written_ns_ < kProgressNs) return;
    written_ns_ = now;
    Json line = {{"status", "pulling " + sha256_.substr(0, 12)}};
    if (!sha256_.empty()) line["digest"] = "sha256:" + sha256_;
    line["total"] = progress.total_bytes;
    line["completed"] = progress.done_bytes;
    stream_.send(line);
  }

  void done() {
    status("writing manifest");
    if (!streams_) return send_json(*responder_, {{"status", "success"}});
    status("success");
    stream_.end();
  }

  void fail(const ApiError& error) {
    if (!stream_.begun()) return send_error(*responder_, Dialect::kOllama, error, request_id_);
    stream_.send(Json{{"error", error.message}});
    stream_.end();
  }

 private:
  ResponderPtr responder_;
  EventStream stream_;
  std::string sha256_;
  bool streams_;
  std::string request_id_;
  bool verifying_ = false;
  int64_t written_ns_ = 0;
};

std::string without_latest(const std::string& name) {
  return name.ends_with(":latest") ? name.substr(0, name.size() - 7) : name;
}

// The catalogue's entry of a name, whose tag may be left out where there is only one.
const library::Entry* find_entry(const library::Library& library, const std::string& asked) {
  const std::string name = without_latest(asked);
  if (const library::Entry* entry = library.find(name)) return entry;
  const library::Entry* found = nullptr;
  for (const library::Entry& entry : library.catalogue()) {
    if (!entry.name.starts_with(name + ":")) continue;
    if (found != nullptr) return nullptr;
    found = &entry;
  }
  return found;
}

ApiError unknown(const library::Library& library, const std::string& name) {
  std::string known;
  for (const library::Entry& entry : library.catalogue()) known += (known.empty() ? "" : ", ") + entry.name;
  return {404, "pull model manifest: file does not exist: '" + name.substr(0, 200) + "' is not in the catalogue; it has " + known,
          "model", "model_not_found", 0, 0, 0};
}

struct Wanted {
  std::string name;
  bool streams = true;
};

Checked<Wanted> read_wanted(const Request& request) {
  Checked<Json> body = parse_body(request.body);
  if (!body.ok()) return body.error();
  Checked<std::string> name = name_member(*body);
  if (!name.ok()) return name.error();
  if (name->empty()) return bad_request("'model' is missing", "model");
  Checked<bool> streams = bool_member(*body, "stream", true);
  if (!streams.ok()) return streams.error();
  return Wanted{std::move(*name), *streams};
}

}  // namespace

void pull(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kOllama, error, request.id); };
  Checked<Wanted> wanted = read_wanted(request);
  if (!wanted.ok()) return refuse(wanted.error());
  const library::Library& library = context.models.library();
  const library::Entry* entry = find_entry(library, wanted->name);
  if (entry == nullptr) {
    // A model that is served and that no catalogue has: there is nothing to do.
    Checked<library::Installed> here = context.models.resolve(wanted->name);
    if (!here.ok()) return refuse(unknown(library, wanted->name));
    library::Entry served;
    served.name = here->name;
    served.sha256 = here->sha256;
    PullWriter writer(responder, served, wanted->streams, request.id);
    writer.status("pulling manifest");
    return writer.done();
  }
  const auto cancel = std::make_shared<std::atomic<bool>>(false);
  responder->on_closed([cancel] { *cancel = true; });
  auto writer = std::make_shared<PullWriter>(responder, *entry, wanted->streams, request.id);
  const bool started = context.background.start(cancel, [&library, writer, cancel, name = entry->name] {
    writer->status("pulling manifest");
    const auto pulled = library.pull(name, [&](const library::PullProgress& progress) { writer->progress(progress); }, cancel.get());
    pulled.ok() ? writer->done() : writer->fail(api_error(pulled.error()));
  });
  if (!started) refuse({503, "too many models are being pulled; try again later", "", "", 0, 0, 30});
}

}  // namespace hearth::server::ollama
