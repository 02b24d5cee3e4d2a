// Chat templates over the Jinja interpreter; see chat_template.h.
#include "text/chat_template.h"

#include "nlohmann/json.hpp"
#include "text/jinja/template.h"

namespace hearth::text {

struct ChatTemplate::Impl {
  std::string source, bos, eos;
  std::unique_ptr<jinja::Template> compiled;
};

ChatTemplate::ChatTemplate() : impl_(std::make_unique<Impl>()) {}
ChatTemplate::~ChatTemplate() = default;

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::compile(std::string_view source, std::string bos, std::string eos) {
  std::unique_ptr<ChatTemplate> result(new ChatTemplate());
  result->impl_->compiled = TRY(jinja::Template::compile(source));
  result->impl_->source = source;
  result->impl_->bos = std::move(bos);
  result->impl_->eos = std::move(eos);
  return result;
}

const std::string& ChatTemplate::source() const {
  return impl_->source;
}

Result<std::string> ChatTemplate::render(const nlohmann::ordered_json& variables, const std::tm* now) const {
  if (!variables.is_object()) {
    return Error{ErrorCode::kInvalidArgument, "the variables of a chat template must be a JSON object"};
  }
  // What transformers always passes; a caller's own value of the same name wins.
  nlohmann::ordered_json all = {
      {"bos_token", impl_->bos}, {"eos_token", impl_->eos}, {"messages", nlohmann::ordered_json::array()},
      {"tools", nullptr},        {"documents", nullptr},    {"add_generation_prompt", false}};
  for (auto entry = variables.begin(); entry != variables.end(); ++entry) all[entry.key()] = *entry;
  return impl_->compiled->render(all, now);
}

Result<std::string> ChatTemplate::render(const std::vector<ChatMessage>& messages, bool add_generation_prompt) const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ChatMessage& message : messages) list.push_back({{"role", message.role}, {"content", message.content}});
  return render({{"messages", std::move(list)}, {"add_generation_prompt", add_generation_prompt}});
}

}  // namespace hearth::text
