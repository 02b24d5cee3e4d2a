// Reads adapter files; see adapter.h.
#include "model/adapter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "base/checked.h"
#include "quant/traits.h"

namespace hearth::model {
namespace {

constexpr uint64_t kAlign = 64;

// Kept as they are: they meet float32 activations.
quant::Format kept_format(quant::Format format) { return tensor::is_float(format) ? format : quant::Format::kF32; }

std::string shape_of(const gguf::TensorInfo& info) {
  return "[" + std::to_string(info.dims[1]) + ", " + std::to_string(info.dims[0]) + "]";
}

bool is_matrix(const gguf::TensorInfo& info) { return info.dims[2] == 1 && info.dims[3] == 1; }

}  // namespace

class AdapterBinder {
 public:
  AdapterBinder(const gguf::View& view, const ModelSpec& spec, const Weights& weights, Adapter& adapter)
      : view_(view), spec_(spec), weights_(weights), adapter_(adapter) {}

  Result<void> bind_all();

 private:
  Error error(const std::string& problem, ErrorCode code = ErrorCode::kCorrupt) const {
    return {code, view_.name() + ": " + problem};
  }
  Result<void> check_keys();
  Result<void> check_shapes(const std::string& name, const gguf::TensorInfo& down, const gguf::TensorInfo& up,
                            const Tensor& weight, bool looked_up) const;
  Result<void> pair(const std::string& name, const Tensor& weight, LowRank* place, bool looked_up = false);
  Result<void> matrix(const gguf::TensorInfo& info, Tensor* target);
  Result<void> layer(size_t index, AdapterLayer* layer);
  Result<void> check_all_used() const;

  const gguf::View& view_;
  const ModelSpec& spec_;
  const Weights& weights_;
  Adapter& adapter_;
  std::set<const gguf::TensorInfo*> used_;
};

Result<void> AdapterBinder::check_keys() {
  const auto text = [&](const char* key) { return std::string(view_.get_string(key).value_or("")); };
  if (text("general.type") != "adapter") {
    return error("key general.type is not \"adapter\": this is no adapter file, but perhaps a model", ErrorCode::kUnsupported);
  }
  if (text("adapter.type") != "lora") {
    return error("key adapter.type is not \"lora\", the only kind of adapter that this program runs", ErrorCode::kUnsupported);
  }
  const std::string architecture = text("general.architecture");
  if (architecture != spec_.architecture) {
    return error("the adapter is for the architecture \"" + architecture.substr(0, 64) + "\", the model's is \"" +
                     spec_.architecture + "\"",
                 ErrorCode::kUnsupported);
  }
  if (view_.has("adapter.alora.invocation_tokens")) {
    return error("key adapter.alora.invocation_tokens: adapters that begin in the middle of a text are not supported",
                 ErrorCode::kUnsupported);
  }
  if (!view_.has("adapter.lora.alpha")) return {};
  const std::optional<double> alpha = view_.get_f64("adapter.lora.alpha");
  if (!alpha || !std::isfinite(*alpha)) return error("key adapter.lora.alpha is not a finite number");
  adapter_.alpha_ = *alpha;
  return {};
}

Result<void> AdapterBinder::check_shapes(const std::string& name, const gguf::TensorInfo& down, const gguf::TensorInfo& up,
                                         const Tensor& weight, bool looked_up) const {
  const auto rows = static_cast<uint64_t>(weight.rows), columns = static_cast<uint64_t>(weight.columns);
  const uint64_t rank = up.dims[0];
  if (rank > static_cast<uint64_t>(Adapter::kMaxRank)) {
    return error("tensor " + name + ".lora_b has rank " + std::to_string(rank) + ", more than " +
                     std::to_string(Adapter::kMaxRank),
                 ErrorCode::kResource);
  }
  // The embedding's first matrix has a row per token, and its second one makes what the weight has per column.
  const std::array<uint64_t, 2> down_wanted = looked_up ? std::array{rank, rows} : std::array{columns, rank};
  const std::array<uint64_t, 2> up_wanted = {rank, looked_up ? columns : rows};
  for (const auto& [info, wanted] : {std::pair{&down, down_wanted}, {&up, up_wanted}}) {
    if (is_matrix(*info) && info->dims[0] == wanted[0] && info->dims[1] == wanted[1]) continue;
    return error("tensor " + std::string(info->name) + " is " + shape_of(*info) + ", not [" + std::to_string(wanted[1]) + ", " +
                 std::to_string(wanted[0]) + "] as the model's " + name + " demands: the adapter is for another model");
  }
  return {};
}

Result<void> AdapterBinder::matrix(const gguf::TensorInfo& info, Tensor* target) {
  target->format = kept_format(info.format);
  target->rows = static_cast<int64_t>(info.dims[1]);
  target->columns = static_cast<int64_t>(info.dims[0]);
  uint64_t row_bytes, bytes, total;
  if (!checked_mul(info.dims[0], quant::traits(target->format).block_bytes, &row_bytes) ||
      !checked_mul(row_bytes, info.dims[1], &bytes) || !checked_align(bytes, kAlign, &bytes) ||
      !checked_add(static_cast<uint64_t>(adapter_.bytes_), bytes, &total) || total > uint64_t{INT64_MAX}) {
    return error("tensor " + std::string(info.name) + " is too large", ErrorCode::kResource);
  }
  target->row_bytes = static_cast<int64_t>(row_bytes);
  adapter_.bytes_ = static_cast<int64_t>(total);
  adapter_.matrices_.push_back({&info, target});
  used_.insert(&info);
  return {};
}

Result<void> AdapterBinder::pair(const std::string& name, const Tensor& weight, LowRank* place, bool looked_up) {
  const gguf::TensorInfo* down = view_.find_tensor(name + ".lora_a");
  const gguf::TensorInfo* up = view_.find_tensor(name + ".lora_b");
  if (!down && !up) return {};
  if (!down || !up) return error("tensor " + name + (down ? ".lora_b" : ".lora_a") + " is missing: they come in pairs");
  TRY(check_shapes(name, *down, *up, weight, looked_up));
  TRY(matrix(*down, &place->down));
  TRY(matrix(*up, &place->up));
  if (adapter_.alpha_ != 0) place->factor = adapter_.alpha_ / static_cast<double>(place->rank());
  adapter_.rank_ = std::max(adapter_.rank_, place->rank());
  return {};
}

Result<void> AdapterBinder::layer(size_t index, AdapterLayer* layer) {
  const std::string prefix = "blk." + std::to_string(index) + ".";
  const AttentionWeights& attention = weights_.layers[index].attention;
  const FeedForwardWeights& feed_forward = weights_.layers[index].feed_forward;
  TRY(pair(prefix + "attn_q.weight", attention.query.weight, &layer->query));
  TRY(pair(prefix + "attn_k.weight", attention.key.weight, &layer->key));
  TRY(pair(prefix + "attn_v.weight", attention.value.weight, &layer->value));
  TRY(pair(prefix + "attn_output.weight", attention.output.weight, &layer->output));
  TRY(pair(prefix + "ffn_gate.weight", feed_forward.gate.weight, &layer->gate));
  TRY(pair(prefix + "ffn_up.weight", feed_forward.up.weight, &layer->up));
  TRY(pair(prefix + "ffn_down.weight", feed_forward.down.weight, &layer->down));
  return {};
}

// What is left over would have changed answers, too.
Result<void> AdapterBinder::check_all_used() const {
  if (view_.tensors().empty()) return error("the adapter holds no tensors");
  for (const gguf::TensorInfo& info : view_.tensors()) {
    if (used_.count(&info) != 0) continue;
    const std::string_view name = info.name;
    const bool half = name.ends_with(".lora_a") || name.ends_with(".lora_b");
    return error("tensor " + std::string(name) +
                     (half ? " adapts a weight that the model does not have, or that cannot be adapted: the adapter may be for "
                             "another model"
                           : " is no half of a pair (.lora_a, .lora_b): only these can be applied"),
                 ErrorCode::kUnsupported);
  }
  return {};
}

Result<void> AdapterBinder::bind_all() {
  TRY(check_keys());
  adapter_.layers_.resize(spec_.layers.size());
  TRY(pair("token_embd.weight", weights_.embedding, &adapter_.embedding_, /*looked_up=*/true));
  for (size_t i = 0; i < spec_.layers.size(); ++i) TRY(layer(i, &adapter_.layers_[i]));
  TRY(pair("output.weight", weights_.head, &adapter_.head_));
  return check_all_used();
}

Result<std::unique_ptr<Adapter>> Adapter::bind(std::unique_ptr<gguf::View> file, const ModelSpec& spec, const Weights& weights) {
  std::unique_ptr<Adapter> adapter(new Adapter());
  TRY(AdapterBinder(*file, spec, weights, *adapter).bind_all());
  adapter->file_ = std::move(file);
  return adapter;
}

Result<void> Adapter::read() {
  CHECK(file_ != nullptr);
  storage_ = TRY(tensor::Storage::allocate(static_cast<uint64_t>(bytes_), "an adapter"));
  std::byte* next = storage_.data();
  for (const auto& [source, target] : matrices_) {
    target->data = next;
    if (target->format == source->format) {
      std::memcpy(next, source->data, source->bytes);
    } else {
      quant::traits(source->format).decode_row(source->data, static_cast<int64_t>(source->value_count), reinterpret_cast<float*>(next));
    }
    next += (static_cast<uint64_t>(target->bytes()) + kAlign - 1) & ~(kAlign - 1);
  }
  const Result<void> intact = file_->check_intact();
  matrices_.clear();
  file_.reset();
  return intact;
}

int64_t Adapter::widest_group() const {
  int64_t widest = std::max(embedding_.rank(), head_.rank());
  for (const AdapterLayer& layer : layers_) {
    widest = std::max({widest, layer.query.rank() + layer.key.rank() + layer.value.rank(), layer.output.rank(),
                       layer.gate.rank() + layer.up.rank(), layer.down.rank()});
  }
  return widest;
}

}  // namespace hearth::model
