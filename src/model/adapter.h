// Adapter (LoRA): for some weights of a model a pair of matrices of low rank whose product is added to what the weight makes.
//
// Contract: every key, name, shape and size of the file is checked against the model before anything is allocated; what would
// change an answer and cannot be honoured is an error that names it. bind() touches no matrix; read() copies them all, so that
// the file is not needed afterwards. F32, F16 and BF16 matrices stay as they are, others become F32.
// Not here: which sessions use it with which scale (engine), the arithmetic (blocks/adapters.h, backend).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gguf/view.h"
#include "model/spec.h"
#include "model/weights.h"
#include "tensor/storage.h"

namespace hearth::model {

// W x becomes W x + scale * factor * up (down x).
struct LowRank {
  Tensor down;        // [rank, columns of the weight]; of the embedding [vocabulary, rank], as rows of it are looked up
  Tensor up;          // [rows of the weight, rank]; of the embedding [width, rank]
  double factor = 1;  // alpha / rank, or 1 where the file gives no alpha

  bool present() const { return up.columns > 0; }
  int64_t rank() const { return up.columns; }
  float scale(float asked) const { return static_cast<float>(double{asked} * factor); }
};

struct AdapterLayer {
  LowRank query, key, value, output, gate, up, down;
};

class Adapter {
 public:
  static constexpr int64_t kMaxRank = 4096;

  // Errors: kCorrupt (a key or tensor that is missing or wrong), kUnsupported (another architecture, kind of adapter or weight).
  static Result<std::unique_ptr<Adapter>> bind(std::unique_ptr<gguf::View> file, const ModelSpec& spec, const Weights& weights);
  Result<void> read();
  // The file, until read().
  const gguf::View* file() const { return file_.get(); }

  const std::vector<AdapterLayer>& layers() const { return layers_; }
  const LowRank& embedding() const { return embedding_; }
  const LowRank& head() const { return head_; }
  double alpha() const { return alpha_; }    // 0: none
  int64_t rank() const { return rank_; }     // of the widest pair
  int64_t bytes() const { return bytes_; }   // in memory
  // Ranks of the pairs that one input meets, added up, where they are most.
  int64_t widest_group() const;

 private:
  friend class AdapterBinder;
  struct Matrix {
    const gguf::TensorInfo* source;
    Tensor* target;
  };

  std::unique_ptr<gguf::View> file_;
  std::vector<Matrix> matrices_;  // to be read
  std::vector<AdapterLayer> layers_;
  LowRank embedding_, head_;
  double alpha_ = 0;
  int64_t rank_ = 0, bytes_ = 0;
  tensor::Storage storage_;
};

}  // namespace hearth::model
