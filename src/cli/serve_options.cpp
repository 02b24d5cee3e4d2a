// Contract and exclusions: cli/serve_options.h.
#include "cli/serve_options.h"

#include <unistd.h>

#include <utility>

#include "CLI/CLI.hpp"
#include "base/log.h"
#include "cli/config_file.h"
#include "server/keys.h"

namespace hearth::cli {

namespace {

constexpr const char* kDefaultAddress = "127.0.0.1:11434";
constexpr const char* kDefaultPort = "11434";
constexpr int64_t kMaxCacheBytes = int64_t{1} << 46;

// "2GiB", "500MB", "0", "off".
Result<int64_t> parse_bytes(const std::string& text, const char* option) {
  if (text == "off") return int64_t{0};
  std::string number = text;
  const std::string problem = CLI::AsSizeValue(/*kb_is_1000=*/true)(number);
  char* end = nullptr;
  const unsigned long long bytes = std::strtoull(number.c_str(), &end, 10);
  const bool digits = !number.empty() && number.find_first_not_of("0123456789") == std::string::npos;
  if (!problem.empty() || !digits || bytes > static_cast<unsigned long long>(kMaxCacheBytes)) {
    return Error{ErrorCode::kInvalidArgument, std::string(option) + " must be a number of bytes like 512MiB or 2GB, 0 or off, not '" + text + "'"};
  }
  return static_cast<int64_t>(bytes);
}

void add_network_options(CLI::App* verb, ServeVerb* options) {
  server::GateOptions& gate = options->serve.http.gate;
  verb->add_option("--listen", options->serve.http.listen,
                   "Address and port, or unix:PATH; may be given several times (default 127.0.0.1:11434)")
      ->type_name("ADDR:PORT");
  verb->add_option("--host-name", gate.host_names, "More names that clients may reach this server by")->type_name("NAME");
  verb->add_option("--origins", gate.origins, "More web origins that may call, exact or with one *")
      ->delimiter(',')
      ->envname("OLLAMA_ORIGINS")
      ->type_name("ORIGIN");
  verb->add_flag("--airgap", options->serve.airgap,
                 "Give up, for good, the ability to reach any network: the kernel refuses it from then on ('hearth doctor --net' shows what)");
}

void add_capacity_options(CLI::App* verb, ServeVerb* options) {
  server::ModelsOptions& models = options->serve.models;
  verb->add_option("--sessions", options->engine.max_sessions, "Answers that a model makes at the same time (default 4)")
      ->check(CLI::Range(1, 256))
      ->envname("OLLAMA_NUM_PARALLEL")
      ->type_name("N");
  verb->add_option("--queue", models.service.queue_limit, "Answers that may wait; more get 503 (default 512)")
      ->check(CLI::Range(0, 1000000))
      ->envname("OLLAMA_MAX_QUEUE")
      ->type_name("N");
  verb->add_option("--keep-alive", options->keep_alive, "How long an idle model stays in memory: 5m, 1h30m, 0, -1 for ever")
      ->envname("OLLAMA_KEEP_ALIVE")
      ->type_name("TIME");
  verb->add_option("--max-models", models.max_loaded, "Models in memory at once; 0: as many as fit")
      ->check(CLI::Range(0, 1000))
      ->envname("OLLAMA_MAX_LOADED_MODELS")
      ->type_name("N");
  verb->add_option("--memory", options->memory,
                   "Memory for all models together; idle ones make room, and contexts are reduced to fit (default: what is free)")
      ->type_name("BYTES");
  verb->add_option("--prefix-cache", options->prefix_cache,
                   "Memory for the beginnings of past prompts, so that they need not be worked through again; 0: none (default 256MiB)")
      ->type_name("BYTES");
  verb->add_option("--prefix-cache-disk", options->prefix_cache_disk, "The same on disk, across restarts (default off)")
      ->type_name("BYTES|off");
  verb->add_flag("--cache-per-key", models.service.cache_per_owner, "Keys do not share beginnings of prompts");
  verb->add_option("--drain", options->drain_seconds, "Seconds that running answers get when the server stops (default 30)")
      ->check(CLI::Range(0, 86400))
      ->type_name("SECONDS");
}

void add_log_options(CLI::App* verb, ServeVerb* options) {
  verb->add_option("--log-format", options->log_format, "Lines of the log: text for people, json for programs (default text)")
      ->check(CLI::IsMember({"text", "json"}))
      ->envname("HEARTH_LOG_FORMAT")
      ->type_name("FORMAT");
  verb->add_option("--log-level", options->log_level, "error, warning, info (one line per request; default) or debug (health checks, too)")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
      ->envname("HEARTH_LOG")
      ->type_name("LEVEL");
  verb->add_flag("--log-prompts", options->serve.log_prompts, "The log has the text of every request and answer; else never");
  verb->add_option("--watchdog", options->serve.watchdog_seconds,
                   "Seconds that one step of a model may take until /health is 503, and that an answer may stand still (default 600)")
      ->check(CLI::Range(1.0, 86400.0))
      ->type_name("SECONDS");
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<std::string> address_of_host(const std::string& text) {
  std::string host = text;
  for (const char* scheme : {"http://", "https://"}) {
    if (host.starts_with(scheme)) host.erase(0, std::string(scheme).size());
  }
  host = host.substr(0, host.find('/'));
  if (host.empty()) return std::string(kDefaultAddress);
  if (host.front() == ':') host.insert(0, "127.0.0.1");
  const bool bracketed = host.front() == '[';
  const size_t colon = bracketed ? host.find("]:") : host.find(':');
  if (!bracketed && colon != std::string::npos && host.find(':', colon + 1) != std::string::npos) host = "[" + host + "]";
  const bool has_port = host.find(':', bracketed || host.front() == '[' ? host.find(']') : 0) != std::string::npos;
  return has_port ? host : host + ":" + kDefaultPort;
}

void add_serve_options(CLI::App* verb, ServeVerb* options) {
  options->engine.max_sessions = 4;
  options->serve.version = HEARTH_VERSION;
  verb->add_option("MODEL", options->engine.model, "The default model, loaded at once: a name from 'hearth list' or a .gguf file")
      ->type_name("");
  add_network_options(verb, options);
  add_capacity_options(verb, options);
  add_log_options(verb, options);
  add_engine_options(verb, &options->engine, /*with_context=*/true);
  add_adapter_option(verb, &options->engine);
  verb->get_option("--ctx")->envname("OLLAMA_CONTEXT_LENGTH");
  verb->get_option("--kv")->envname("OLLAMA_KV_CACHE_TYPE");
  verb->add_option("--config", options->config, "A TOML file with any of these options by their long names (default: serve.toml in $HEARTH_HOME)")
      ->type_name("FILE");
}

Result<void> resolve_serve_options(CLI::App* verb, const std::string& home, ServeVerb* options) {
  const std::string usual = home + "/serve.toml";
  if (!options->config.empty()) {
    TRY(apply_config_file(verb, options->config));
  } else if (access(usual.c_str(), F_OK) == 0) {
    TRY(apply_config_file(verb, usual));
  }
  server::ServeOptions& serve = options->serve;
  if (serve.http.listen.empty()) serve.http.listen = {TRY(address_of_host(environment("OLLAMA_HOST")))};
  serve.http.gate.keys = TRY(server::read_keys(home + "/keys.toml"));
  set_log({*log_level_named(options->log_level), options->log_format == "json" ? LogFormat::kJson : LogFormat::kText, /*times=*/true});
  server::ModelsOptions& models = serve.models;
  models.load = load_options(options->engine, "");
  models.adapters = std::exchange(models.load.adapters, {});
  if (!models.adapters.empty() && options->engine.model.empty()) {
    return Error{ErrorCode::kInvalidArgument, "--lora: an adapter is made for one model; name it: hearth serve MODEL --lora FILE"};
  }
  if (!options->memory.empty()) models.memory_limit_bytes = TRY(parse_bytes(options->memory, "--memory"));
  models.load.memory_limit_bytes = models.memory_limit_bytes;
  models.service.watchdog_seconds = static_cast<int64_t>(serve.watchdog_seconds);
  models.service.max_sessions = models.load.max_sessions;
  models.service.prefix_cache_bytes = TRY(parse_bytes(options->prefix_cache, "--prefix-cache"));
  models.service.prefix_disk_bytes = TRY(parse_bytes(options->prefix_cache_disk, "--prefix-cache-disk"));
  if (models.service.prefix_disk_bytes > 0) models.service.prefix_disk_folder = home + "/prefixes";
  const server::Checked<server::KeepAlive> keep_alive = server::parse_keep_alive(options->keep_alive);
  if (!keep_alive.ok()) return Error{ErrorCode::kInvalidArgument, "--keep-alive: " + keep_alive.error().message};
  models.keep_alive = *keep_alive;
  return {};
}

}  // namespace hearth::cli
