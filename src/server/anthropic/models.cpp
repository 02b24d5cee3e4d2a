// GET /v1/models and /v1/models/{id} as Anthropic's clients read them. Contract: server/anthropic/anthropic.h.
#include <ctime>

#include "server/anthropic/anthropic.h"
#include "server/routes.h"

namespace hearth::server::anthropic {

namespace {

constexpr int kDefaultPage = 20;
constexpr int kMaxPage = 1000;

std::string rfc3339(int64_t seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Json entry_of(const library::Installed& model) {
  return {{"type", "model"},
          {"id", model.name},
          {"display_name", model.name},
          {"created_at", rfc3339(model.modified)},
          {"lifecycle", "active"}};
}

// 1 to 1000; 20 if it is not given.
Checked<int> page_size(const Request& request) {
  const std::optional<std::string_view> text = request.query_value("limit");
  if (!text) return kDefaultPage;
  int size = 0;
  for (const char digit : *text) {
    if (digit < '0' || digit > '9' || size > kMaxPage) size = kMaxPage + 1;
    else size = size * 10 + (digit - '0');
  }
  if (size < 1 || size > kMaxPage) return bad_request("'limit' must be between 1 and 1000", "limit");
  return size;
}

struct Page {
  size_t begin = 0, end = 0;
  bool has_more = false;
};

Checked<Page> page_of(const Request& request, const std::vector<library::Installed>& models) {
  Checked<int> size = page_size(request);
  if (!size.ok()) return size.error();
  const auto limit = static_cast<size_t>(*size);
  const auto find = [&](std::string_view name) {
    for (size_t i = 0; i < models.size(); ++i) {
      if (models[i].name == name) return i;
    }
    return models.size();
  };
  Page page{0, models.size(), false};
  for (const char* cursor : {"after_id", "before_id"}) {
    const std::optional<std::string_view> name = request.query_value(cursor);
    if (!name) continue;
    const size_t found = find(*name);
    if (found == models.size()) return bad_request(std::string("'") + cursor + "': there is no such model", cursor);
    (cursor[0] == 'a' ? page.begin : page.end) = cursor[0] == 'a' ? found + 1 : found;
  }
  page.end = std::max(page.begin, page.end);
  page.has_more = page.end - page.begin > limit;
  if (page.has_more && request.query_value("before_id") && !request.query_value("after_id")) {
    page.begin = page.end - limit;  // the nearest ones before it
  } else {
    page.end = std::min(page.end, page.begin + limit);
  }
  return page;
}

}  // namespace

bool speaks_anthropic(const Request& request) { return request.header("anthropic-version").has_value(); }

void list_models(Context& context, const Request& request, const ResponderPtr& responder) {
  const Result<std::vector<library::Installed>> models = context.models.installed();
  if (!models.ok()) return send_error(*responder, Dialect::kAnthropic, api_error(models.error()), request.id);
  Checked<Page> page = page_of(request, *models);
  if (!page.ok()) return send_error(*responder, Dialect::kAnthropic, page.error(), request.id);
  Json data = Json::array();
  for (size_t i = page->begin; i < page->end; ++i) data.push_back(entry_of((*models)[i]));
  Json list = {{"data", std::move(data)}, {"has_more", page->has_more}, {"first_id", nullptr}, {"last_id", nullptr}};
  if (!list["data"].empty()) list["first_id"] = list["data"].front()["id"], list["last_id"] = list["data"].back()["id"];
  send_json(*responder, list, 200, {{"request-id", request.id}});
}

void show_model(Context& context, const Request& request, const ResponderPtr& responder) {
  const char* prefix = request.path.starts_with("/v1/") ? "/v1/models/" : "/models/";
  Checked<library::Installed> model = context.models.resolve(std::string(tail_after(request, prefix)));
  if (!model.ok()) return send_error(*responder, Dialect::kAnthropic, model.error(), request.id);
  send_json(*responder, entry_of(*model), 200, {{"request-id", request.id}});
}

}  // namespace hearth::server::anthropic
