// hearth doctor: what to put into a client so that it talks to this server, and whether the air gap holds.
//
// Contract: changes nothing outside this process; `clients` prints texts that can be pasted. --net exits with 1 if a way is open.
// Not here: the server (cli/serve.cpp).
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/exit.h"
#include "cli/verbs.h"
#include "nlohmann/json.hpp"
#include "server/airgap.h"

namespace hearth::cli {
namespace {

struct Client {
  const char* name;
  const char* about;
  const char* text;  // {url} is the server, {model} a model's name
};

constexpr Client kClients[] = {
    {"curl", "any terminal",
     "curl {url}/v1/chat/completions -d '{\"model\":\"{model}\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}'"},
    {"openai", "OpenAI's packages for Python and JavaScript, and programs built on them",
     "export OPENAI_BASE_URL={url}/v1\n"
     "export OPENAI_API_KEY=none\n"
     "# model: {model}"},
    {"ollama", "Ollama's own command and packages",
     "export OLLAMA_HOST={url}\n"
     "ollama run {model}"},
    {"anthropic", "Anthropic's packages",
     "export ANTHROPIC_BASE_URL={url}\n"
     "export ANTHROPIC_API_KEY=none\n"
     "# model: {model}"},
    {"continue", "Continue in VS Code and JetBrains: ~/.continue/config.yaml",
     "name: local\n"
     "version: 0.0.1\n"
     "schema: v1\n"
     "models:\n"
     "  - name: {model}\n"
     "    provider: ollama\n"
     "    model: {model}\n"
     "    apiBase: {url}\n"
     "    roles: [chat, edit, autocomplete]"},
    {"llama.vim", "completion in Vim: ~/.vimrc",
     "let g:llama_config = { 'endpoint': '{url}/infill' }"},
    {"langchain", "LangChain for Python",
     "from langchain_ollama import ChatOllama\n"
     "chat = ChatOllama(model=\"{model}\", base_url=\"{url}\")"},
    {"open-webui", "Open WebUI: Admin Settings, Connections, Ollama API",
     "{url}"},
    {"obsidian", "Obsidian Copilot: Settings, Model, Add Custom Model",
     "Provider: Ollama\n"
     "Base URL: {url}\n"
     "Model:    {model}"},
};

std::string filled_in(std::string text, const std::string& url, const std::string& model) {
  for (const auto& [name, value] : {std::pair{"{url}", &url}, std::pair{"{model}", &model}}) {
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value->size())) {
      text.replace(at, std::string(name).size(), *value);
    }
  }
  return text;
}

int print_clients(const std::string& url, const std::string& model, bool as_json) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Client& client : kClients) {
    const std::string text = filled_in(client.text, url, model);
    if (as_json) {
      rows.push_back({{"name", client.name}, {"about", client.about}, {"text", text}});
    } else {
      std::printf("# %s: %s\n%s\n\n", client.name, client.about, text.c_str());
    }
  }
  if (as_json) std::printf("%s\n", rows.dump(2).c_str());
  return kExitDone;
}

// Shuts the network off in this process, as serve --airgap does, and tries every way out.
int print_network(bool as_json) {
  const Result<void> shut = server::apply_airgap();
  if (!shut.ok()) return report(shut.error());
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  int open_ways = 0;
  for (const server::NetworkProbe& probe : server::probe_network()) {
    open_ways += probe.refused ? 0 : 1;
    const std::string outcome = probe.refused ? std::string("refused by the kernel (") + std::strerror(probe.error_number) + ")" : "OPEN";
    if (as_json) {
      rows.push_back({{"way", probe.name}, {"refused", probe.refused}, {"errno", probe.error_number}});
    } else {
      std::printf("%-48s %s\n", probe.name.c_str(), outcome.c_str());
    }
  }
  if (as_json) std::printf("%s\n", rows.dump(2).c_str());
  return open_ways == 0 ? kExitDone : kExitFailed;
}

}  // namespace

void add_doctor(CLI::App& app, int* exit_code) {
  CLI::App* verb = app.add_subcommand("doctor", "Settings for clients; whether the air gap holds");
  verb->require_subcommand(0, 1);
  CLI::App* clients = verb->add_subcommand("clients", "Print ready settings for common clients");
  struct Options {
    std::string url = "http://127.0.0.1:11434", model = "qwen2.5-coder:1.5b";
    bool json = false, net = false;
  };
  auto options = std::make_shared<Options>();
  verb->add_flag("--net", options->net, "Shut the network off as 'hearth serve --airgap' does, and try every way out");
  clients->add_option("--url", options->url, "Where the server is (default http://127.0.0.1:11434)")->type_name("URL");
  clients->add_option("--model", options->model, "Which model they should ask for (default qwen2.5-coder:1.5b)")->type_name("NAME");
  for (CLI::App* either : {verb, clients}) either->add_flag("--json", options->json, "Print a JSON list");
  clients->callback([=] { *exit_code = print_clients(options->url, options->model, options->json); });
  verb->callback([=] {
    if (verb->got_subcommand(clients)) return;
    *exit_code = options->net ? print_network(options->json) : report_usage("doctor", "say what to look at: --net, or 'hearth doctor clients'");
  });
  verb->footer("Examples:\n  hearth doctor clients\n  hearth doctor clients --model smollm2:135m\n  hearth doctor --net");
}

}  // namespace hearth::cli
