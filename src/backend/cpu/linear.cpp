// Linear ops of the CPU backend: panels of 32 weight rows handed out to threads, epilogues fused behind them.
//
// Contract: one thread computes a panel over the whole of K, so threads and batch cannot be seen in the result. What an adapter
// adds is computed panel by panel too, by the kernels of its own format, and added before the rest of the epilogue.
// Not here: converting and multiplying panels (kernels).
#include <algorithm>
#include <cstring>

#include "backend/cpu/cpu_backend.h"

namespace hearth::backend {
namespace {

int64_t panel_count(const Tensor& weight) { return (weight.rows + kernels::kPanelRows - 1) / kernels::kPanelRows; }

int panel_rows(const Tensor& weight, int64_t row) {
  return static_cast<int>(std::min<int64_t>(kernels::kPanelRows, weight.rows - row));
}

// Asks for `bytes` of each of `rows` rows; addresses beyond the mapping are ignored by the processor.
void prefetch_rows(const std::byte* data, int64_t row_bytes, int rows, int64_t bytes) {
  constexpr int64_t kLine = 64;
  for (int r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < bytes; i += kLine) __builtin_prefetch(data + r * row_bytes + i);
  }
}

// All tokens over one chunk of a panel, a share of its blocks at a time: before each, a share of the rows of the next chunk is
// asked for, so that memory works while the processor multiplies.
void multiply_chunk(const kernels::FormatKernels& format, const std::byte* panel, const kernels::Inputs& in, int64_t begin,
                    int64_t count, int tokens, float* acc, const std::byte* next, int64_t row_bytes, int64_t next_bytes) {
  constexpr int kPieces = 4, kPieceRows = kernels::kPanelRows / kPieces;
  for (int64_t piece = 0, done = 0; piece < kPieces; ++piece) {
    prefetch_rows(next + piece * kPieceRows * row_bytes, row_bytes, kPieceRows, next_bytes);
    const int64_t end = count * (piece + 1) / kPieces;
    if (end > done) {
      const std::byte* part = panel + done * static_cast<int64_t>(format.panel_bytes_per_block);
      format.multiply(part, in, begin + done, end - done, 0, tokens, acc);
    }
    done = end;
  }
}

}  // namespace

// Kernels see whole blocks only: the last columns % 32 of a float weight are padded with zeros on both sides.
void CpuBackend::multiply_tail(const Tensor& weight, int64_t row, int rows, const kernels::Inputs& in, int tokens,
                               Worker& worker, float* acc) const {
  const int64_t tail = weight.columns % kernels::kBlock, whole = weight.columns - tail;
  const int64_t value_bytes = weight.format == quant::Format::kF32 ? 4 : 2;
  std::memset(worker.tail_x, 0, sizeof(float) * tokens * kernels::kBlock);
  for (int64_t t = 0; t < tokens; ++t) {
    std::memcpy(worker.tail_x + t * kernels::kBlock, in.x + t * in.k + whole, sizeof(float) * tail);
  }
  const int64_t row_bytes = kernels::kBlock * value_bytes;
  std::memset(worker.tail_rows, 0, row_bytes * kernels::kPanelRows);
  for (int64_t r = 0; r < rows; ++r) {
    const auto* source = static_cast<const std::byte*>(weight.data) + (row + r) * weight.row_bytes + whole * value_bytes;
    std::memcpy(worker.tail_rows + r * row_bytes, source, tail * value_bytes);
  }
  kernels::Inputs padded{};
  padded.k = kernels::kBlock;
  padded.x = worker.tail_x;
  const kernels::FormatKernels& format = table_.formats[static_cast<int>(weight.format)];
  format.convert({worker.tail_rows, row_bytes, rows}, 0, 1, worker.panel);
  format.multiply(worker.panel, padded, 0, 1, 0, tokens, acc);
}

void CpuBackend::multiply_panel(const Tensor& weight, int64_t row, int rows, const kernels::Inputs& in, int tokens,
                                Worker& worker, float* acc) const {
  const kernels::FormatKernels& format = table_.formats[static_cast<int>(weight.format)];
  const kernels::WeightRows panel_weights{static_cast<const std::byte*>(weight.data) + row * weight.row_bytes,
                                          weight.row_bytes, rows};
  const bool ragged = weight.columns % kernels::kBlock != 0;
  if (format.decode && tokens <= format.decode_tokens && !ragged) {
    format.decode(panel_weights, in, 0, tokens, acc);
    return;
  }
  std::memset(acc, 0, sizeof(float) * tokens * kernels::kPanelRows);
  const int64_t blocks = weight.columns / kernels::kBlock;
  if (tokens > kSmallBatchTokens) {
    format.convert(panel_weights, 0, blocks, worker.panel);
    format.multiply(worker.panel, in, 0, blocks, 0, tokens, acc);
  } else {
    const auto* data = static_cast<const std::byte*>(panel_weights.data);
    for (int64_t begin = 0; begin < blocks; begin += kSmallBatchBlocks) {
      const int64_t count = std::min(kSmallBatchBlocks, blocks - begin), after = begin + count;
      format.convert(panel_weights, begin, count, worker.panel);
      const std::byte* next = after < blocks ? data + after * weight.row_bytes / blocks : data + kernels::kPanelRows * weight.row_bytes;
      multiply_chunk(format, worker.panel, in, begin, count, tokens, acc, next, weight.row_bytes,
                     kSmallBatchBlocks * weight.row_bytes / blocks);
    }
  }
  if (ragged) multiply_tail(weight, row, rows, in, tokens, worker, acc);
}

// Rows [row, row + rows) of each term, added to the tokens it names: acc is [tokens, 32].
void CpuBackend::add_terms(std::span<const LowRankTerm> terms, int64_t row, int rows, Worker& worker, float* acc) const {
  for (const LowRankTerm& term : terms) {
    kernels::Inputs low{};
    low.k = term.up->columns;
    low.x = term.low;
    multiply_panel(*term.up, row, rows, low, term.count, worker, worker.term);
    table_.add(acc + int64_t{term.first} * kernels::kPanelRows, worker.term, int64_t{term.count} * kernels::kPanelRows);
  }
}

// Few panels and many tokens: the work is divided among both, since no sum crosses either.
void CpuBackend::low_rank(const Activation& in, std::span<const LowRankJob> jobs) {
  const auto pieces = [](const LowRankJob& job) { return panel_count(*job.down) * ((job.count + kLowRankTokens - 1) / kLowRankTokens); };
  int64_t total = 0;
  for (const LowRankJob& job : jobs) total += pieces(job);
  pool_.parallel_for(total, 1, [&](int w, int64_t piece, int64_t) {
    Worker& worker = workers_[w];
    const LowRankJob* job = jobs.data();
    while (piece >= pieces(*job)) piece -= pieces(*job++);
    const Tensor& down = *job->down;
    const int64_t row = piece % panel_count(down) * kernels::kPanelRows, from = piece / panel_count(down) * kLowRankTokens;
    const int rows = panel_rows(down, row), tokens = static_cast<int>(std::min<int64_t>(kLowRankTokens, job->count - from));
    kernels::Inputs inputs{};
    inputs.k = in.width;
    inputs.x = in.x + (job->first + from) * in.width;
    multiply_panel(down, row, rows, inputs, tokens, worker, worker.acc);
    table_.multiply_scalar(worker.acc, job->scale, int64_t{tokens} * kernels::kPanelRows);
    for (int64_t t = 0; t < tokens; ++t) {
      std::memcpy(job->low + (from + t) * down.rows + row, worker.acc + t * kernels::kPanelRows, sizeof(float) * rows);
    }
  });
}

void CpuBackend::multiply_rows(const Tensor& weight, int64_t row, int rows, const Activation& in, int64_t tokens,
                               Worker& worker, float* acc) const {
  const bool refined = !tensor::is_float(weight.format);
  const int64_t rests = refined ? static_cast<int64_t>(in.refined.size()) : 0;
  multiply_panel(weight, row, rows, inputs_of(in), static_cast<int>(tokens + rests), worker, acc);
  for (int64_t i = 0; i < rests; ++i) {
    table_.add(acc + in.refined[i] * kernels::kPanelRows, acc + (tokens + i) * kernels::kPanelRows, rows);
  }
}

void CpuBackend::linear_store(const Activation& in, int64_t tokens, std::span<const LinearJob> jobs) {
  int64_t panels = 0;
  for (const LinearJob& job : jobs) panels += panel_count(*job.weight);
  pool_.parallel_for(panels, 1, [&](int w, int64_t panel, int64_t) {
    Worker& worker = workers_[w];
    const LinearJob* job = jobs.data();
    while (panel >= panel_count(*job->weight)) panel -= panel_count(*job++->weight);
    const int64_t row = panel * kernels::kPanelRows;
    const int rows = panel_rows(*job->weight, row);
    multiply_rows(*job->weight, row, rows, in, tokens, worker, worker.acc);
    for (int64_t t = 0; t < tokens; ++t) {
      float* result = worker.acc + t * kernels::kPanelRows;
      if (job->bias) table_.add(result, job->bias + row, rows);
    }
    add_terms(job->terms, row, rows, worker, worker.acc);
    for (int64_t t = 0; t < tokens; ++t) {
      std::memcpy(job->out + t * job->weight->rows + row, worker.acc + t * kernels::kPanelRows, sizeof(float) * rows);
    }
  });
}

void CpuBackend::linear_add(const Activation& in, int64_t tokens, const LinearJob& job) {
  pool_.parallel_for(panel_count(*job.weight), 1, [&](int w, int64_t panel, int64_t) {
    Worker& worker = workers_[w];
    const int64_t row = panel * kernels::kPanelRows;
    const int rows = panel_rows(*job.weight, row);
    multiply_rows(*job.weight, row, rows, in, tokens, worker, worker.acc);
    if (job.bias) {
      for (int64_t t = 0; t < tokens; ++t) table_.add(worker.acc + t * kernels::kPanelRows, job.bias + row, rows);
    }
    add_terms(job.terms, row, rows, worker, worker.acc);
    for (int64_t t = 0; t < tokens; ++t) {
      table_.add(job.out + t * job.weight->rows + row, worker.acc + t * kernels::kPanelRows, rows);
    }
  });
}

Result<void> CpuBackend::linear_gate(const Activation& in, int64_t tokens, const GateJob& job, Activation& out) {
  const auto apply = job.kind == Gate::kSilu ? table_.silu_gate : table_.gelu_gate;
  std::atomic<bool> ok{true};
  pool_.parallel_for(panel_count(*job.gate), 1, [&](int w, int64_t panel, int64_t) {
    Worker& worker = workers_[w];
    float* up = worker.acc + (tokens + static_cast<int64_t>(in.refined.size())) * kernels::kPanelRows;
    const int64_t row = panel * kernels::kPanelRows;
    const int rows = panel_rows(*job.gate, row);
    multiply_rows(*job.gate, row, rows, in, tokens, worker, worker.acc);
    multiply_rows(*job.up, row, rows, in, tokens, worker, up);
    add_terms(job.gate_terms, row, rows, worker, worker.acc);
    add_terms(job.up_terms, row, rows, worker, up);
    bool good = true;
    for (int64_t t = 0; t < tokens; ++t) {
      float* y = out.x + t * out.width + row;
      apply(worker.acc + t * kernels::kPanelRows, up + t * kernels::kPanelRows, rows, y);
      if (out.wants_quantised) {
        const int64_t block = t * (out.width / 32) + panel;
        good &= table_.quantise(y, rows, out.q + t * out.width + row, out.scale + block, out.half_sum + 2 * block,
                                out.scale_sum + block);
      } else {
        good &= table_.finite(y, rows);
      }
    }
    if (!good) ok.store(false, std::memory_order_relaxed);
  });
  refine(out, tokens);
  return quantised(ok.load(), "the feed-forward gate");
}

}  // namespace hearth::backend
