// Loading a model: from a path to everything a session needs.
//
// Contract: include/hearth/engine.h. Nothing is repacked or copied: weights are read where the file is mapped, from the
// first layer on, while the tokenizer is built and the first tokens are computed.
// Not here: running tokens (session.cpp), downloads (library).
#include <algorithm>
#include <string>

#include "base/cpu_count.h"
#include "engine/adapters.h"
#include "engine/engine_impl.h"
#include "engine/memory.h"
#include "gguf/file_type.h"
#include "kernels/select.h"
#include "model/archs/registry.h"

namespace hearth {
namespace {

constexpr int kMaxThreads = ThreadPool::kMaxThreads;
constexpr int kMaxSessions = 4096;
// Tokenizer tables: about this much per vocabulary entry.
constexpr int64_t kTokenizerBytesPerEntry = 64;

Result<kernels::KvType> kv_type_named(const std::string& name) {
  if (name == "f16") return kernels::KvType::kF16;
  if (name == "f32") return kernels::KvType::kF32;
  if (name == "int8") return kernels::KvType::kInt8;
  return Error{ErrorCode::kInvalidArgument, "key-value type \"" + name + "\" is not f16, f32 or int8"};
}

Result<void> check_options(const LoadOptions& options) {
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return Error{ErrorCode::kInvalidArgument, "threads must be 0 (all) to " + std::to_string(kMaxThreads)};
  }
  if (options.kv_pool_bytes < 0) {
    return Error{ErrorCode::kInvalidArgument, "the key-value pool must have a positive size, or 0 for all sessions in full"};
  }
  if (options.context < 0) return Error{ErrorCode::kInvalidArgument, "the context must be positive, or 0 for the model's"};
  if (options.max_sessions < 1 || options.max_sessions > kMaxSessions) {
    return Error{ErrorCode::kInvalidArgument, "sessions must be 1 to " + std::to_string(kMaxSessions)};
  }
  TRY(kv_type_named(options.kv_type));
  return {};
}

backend::CpuLimits limits_of(const Engine::Impl& impl) {
  backend::CpuLimits limits;
  limits.max_tokens = kMaxBatchTokens;
  limits.max_runs = impl.max_sessions;
  limits.max_columns = impl.spec.width;
  limits.adapters = !impl.adapters.empty();
  for (const auto& adapter : impl.adapters) limits.max_columns = std::max(limits.max_columns, adapter->rank());
  for (const model::LayerSpec& layer : impl.spec.layers) {
    const auto& attention = std::get<model::GroupedQueryAttention>(layer.mixer);
    const auto& feed_forward = std::get<model::GatedFeedForward>(layer.feed_forward);
    limits.max_columns = std::max(limits.max_columns, int64_t{attention.heads} * attention.head_dim);
    limits.max_columns = std::max(limits.max_columns, feed_forward.width);
    limits.max_heads = std::max(limits.max_heads, attention.heads);
    limits.max_head_dim = std::max(limits.max_head_dim, attention.head_dim);
    limits.max_group = std::max(limits.max_group, attention.heads / attention.kv_heads);
  }
  return limits;
}

// Everything up to the plan: header, description, tensors bound, sizes known. Touches no weight matrix.
Result<void> prepare(const LoadOptions& options, Engine::Impl& impl) {
  TRY(check_options(options));
  impl.view = TRY(gguf::View::open(options.path));
  if (options.isa.empty()) {
    impl.table = &kernels::best_table();
  } else {
    impl.table = TRY(kernels::table_by_name(options.isa));
  }
  impl.spec = TRY(model::describe(*impl.view));
  impl.weights = TRY(model::Weights::bind(*impl.view, impl.spec, *impl.table));
  impl.pages = model::PageLayout::of(impl.spec, TRY(kv_type_named(options.kv_type)));
  impl.max_sessions = options.max_sessions;
  TRY(open_adapters(options.adapters, impl));
  const int threads = options.threads > 0 ? options.threads : usable_cpus();
  const int64_t scratch = model::Executor::scratch_bytes(impl.spec, kMaxBatchTokens, adapter_ranks(impl)) +
                          backend::CpuBackend::scratch_bytes(*impl.table, threads, limits_of(impl));
  impl.plan = TRY(make_plan({impl.spec, *impl.weights, impl.pages, static_cast<int64_t>(impl.view->file_bytes()), scratch,
                             impl.spec.vocabulary * kTokenizerBytesPerEntry, impl.adapter_infos},
                            options));
  impl.info.threads = threads;
  return {};
}

// GGUF's numbers for how hidden states become an embedding.
const char* pooling_named(std::optional<uint64_t> type) {
  switch (type.value_or(0)) {
    case 2: return "cls";
    case 3: return "last";
    case 4: return "rank";
    default: return "mean";
  }
}

void fill_info(const LoadOptions& options, Engine::Impl& impl) {
  const gguf::View& view = *impl.view;
  ModelInfo& info = impl.info;
  info.path = options.path;
  info.architecture = impl.spec.architecture;
  info.name = std::string(view.get_string("general.name").value_or(""));
  if (info.name.empty()) info.name = options.path.substr(options.path.rfind('/') + 1);
  info.quantisation = gguf::quantisation_label(view);
  info.licence = std::string(view.get_string("general.license").value_or(""));
  info.chat_template = std::string(view.get_string("tokenizer.chat_template").value_or(""));
  info.parameter_count = impl.weights->parameter_count;
  info.file_bytes = static_cast<int64_t>(view.file_bytes());
  info.context_trained = impl.spec.context_trained;
  info.context = impl.plan.context;
  info.vocabulary = impl.spec.vocabulary;
  info.embedding = impl.spec.width;
  info.layer_count = static_cast<int64_t>(impl.spec.layers.size());
  info.kv_bytes_per_position = impl.pages.bytes_per_position();
  info.isa = impl.table->name;
  info.max_sessions = impl.max_sessions;
  info.pooling = pooling_named(view.get_u64(impl.spec.architecture + ".pooling_type"));
}

Result<void> load_text(Engine::Impl& impl) {
  impl.tokenizer = TRY(text::Tokenizer::from_gguf(*impl.view));
  if (impl.tokenizer->size() > impl.spec.vocabulary) {
    return Error{ErrorCode::kCorrupt, impl.view->name() + ": the tokenizer has " +
                                          std::to_string(impl.tokenizer->size()) + " tokens, the model only " +
                                          std::to_string(impl.spec.vocabulary)};
  }
  impl.grammars = std::make_unique<GrammarCache>(*impl.tokenizer);
  const text::Tokenizer& tokenizer = *impl.tokenizer;
  const auto piece = [&](int32_t id) { return id < 0 ? std::string() : std::string(tokenizer.token_text(id)); };
  if (!impl.info.chat_template.empty()) {
    auto compiled = text::ChatTemplate::compile(impl.info.chat_template, piece(tokenizer.start_id()),
                                                piece(tokenizer.end_id()));
    if (compiled.ok()) {
      impl.chat_template = std::move(compiled).value();
    } else {
      impl.info.chat_template_error = compiled.error().message;  // the model can still continue text
    }
  }
  impl.answer_format = text::tools::detect_format(impl.chat_template.get(), &tokenizer);
  return {};
}

void start_worker(int) { kernels::set_float_environment(); }

Result<void> load_all(const LoadOptions& options, Engine::Impl& impl) {
  TRY(prepare(options, impl));
  if (weights_fit(impl.plan)) impl.reader = std::make_unique<WeightReader>(WeightReader::order_of_use(*impl.weights));
  fill_info(options, impl);
  TRY(read_adapters(impl));
  TRY(load_text(impl));
  impl.pool = TRY(model::PagePool::create(impl.pages, pool_pages(impl.pages, options, impl.plan.context)));
  impl.threads = std::make_unique<ThreadPool>(ThreadPool::Options{impl.info.threads, false, start_worker});
  impl.info.threads = impl.threads->workers();
  const int max_tokens = kMaxBatchTokens;
  impl.backend = TRY(backend::CpuBackend::create(*impl.table, *impl.threads, limits_of(impl)));
  impl.executor = TRY(model::Executor::create(impl.spec, *impl.weights, impl.pages, *impl.backend, max_tokens, adapter_ranks(impl)));
  impl.batch_ids.reserve(max_tokens);
  impl.batch_runs.reserve(max_tokens);
  impl.batch_adapted.reserve(max_tokens);
  impl.batch_items.reserve(max_tokens);
  impl.taken.reserve(options.max_sessions);
  impl.verified.reserve(options.max_sessions);
  return {};
}

}  // namespace

Engine::Engine() : impl_(std::make_unique<Impl>()) {}
Engine::~Engine() = default;

Result<MemoryPlan> Engine::plan(const LoadOptions& options) {
  Impl impl;
  TRY(prepare(options, impl));
  return impl.plan;
}

Result<std::unique_ptr<Engine>> Engine::load(const LoadOptions& options) {
  std::unique_ptr<Engine> engine(new Engine());
  Impl& impl = *engine->impl_;
  const Result<void> loaded = load_all(options, impl);
  // Trouble with a file that changes meanwhile is the file's.
  if (impl.view) TRY(impl.view->check_intact());
  if (!loaded.ok()) return loaded.error();
  return engine;
}

const ModelInfo& Engine::info() const { return impl_->info; }
const MemoryPlan& Engine::memory_plan() const { return impl_->plan; }
ReadProgress Engine::read_progress() const {
  if (!impl_->reader) return {};
  return {impl_->reader->done_bytes(), impl_->reader->total_bytes()};
}
const text::Tokenizer& Engine::tokenizer() const { return *impl_->tokenizer; }
const text::tools::AnswerFormat& Engine::answer_format() const { return impl_->answer_format; }
GrammarCache& Engine::grammars() const { return *impl_->grammars; }
const text::ChatTemplate* Engine::chat_template() const { return impl_->chat_template.get(); }

const std::vector<AdapterInfo>& Engine::adapters() const { return impl_->adapter_infos; }
const AdapterSet& Engine::default_adapters() const { return impl_->default_adapters; }
Result<AdapterSet> Engine::adapter_set(std::span<const AdapterScale> wanted) const { return make_adapter_set(wanted, impl_->adapters.size()); }

Result<std::unique_ptr<Session>> Engine::new_session() const { return new_session(impl_->default_adapters); }

Result<std::unique_ptr<Session>> Engine::new_session(std::span<const AdapterScale> adapters) const {
  if (impl_->live_sessions >= impl_->max_sessions) {
    return Error{ErrorCode::kResource, "all " + std::to_string(impl_->max_sessions) + " sessions are in use"};
  }
  AdapterSet set = TRY(adapter_set(adapters));
  auto kv = std::make_unique<model::KvSequence>(*impl_->pool, impl_->plan.context);
  return std::make_unique<Session>(std::make_unique<Session::Impl>(*impl_, std::move(kv), std::move(set)));
}

KvPool Engine::kv_pool() const {
  const model::PagePool& pool = *impl_->pool;
  return {kernels::kPagePositions, pool.layout().page_bytes, pool.page_count(), pool.free_pages()};
}

void Engine::trim_kv_pool(int64_t kept_bytes) const {
  impl_->pool->trim(kept_bytes / impl_->pool->layout().page_bytes);
}

Result<void> Engine::step(std::span<const StepItem> items, const std::atomic<bool>* cancel) const {
  return impl_->run(items, 0, cancel, nullptr);
}

}  // namespace hearth
