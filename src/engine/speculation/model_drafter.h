// ModelDrafter: guesses with a second, smaller model of the same vocabulary.
//
// Contract: it draws with the same options and the same random numbers per position as the model that it guesses for, so
// that two models which agree draw the same token. It stops at the first token that it holds unlikely itself. A failure of
// the draft model ends its guessing, never the answer.
// Not here: whether it pays (speculation/speculator.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/speculation/drafter.h"
#include "hearth/engine.h"
#include "text/sampler.h"

namespace hearth {

// kInvalidArgument names the first difference between the vocabularies of two models.
Result<void> check_same_vocabulary(const Engine& draft, const Engine& target);

class ModelDrafter final : public Drafter {
 public:
  // Takes a session of `draft`, which must live longer.
  static Result<std::unique_ptr<ModelDrafter>> create(const Engine& draft, const Engine& target);

  void begin(std::span<const int32_t> timeline, const text::SamplerOptions& options) override;
  void extend(int32_t token) override;
  int confidence(int ahead) const override;
  std::span<const int32_t> propose(int most) override;
  bool is_free() const override { return false; }
  int64_t backlog() const override { return static_cast<int64_t>(known_.size()) - agreed_; }
  void catch_up() override;

 private:
  ModelDrafter(const Engine& draft, const Engine& target, std::unique_ptr<Session> session)
      : draft_engine_(draft), target_vocabulary_(target.info().vocabulary), session_(std::move(session)) {}
  void find_agreement();
  Result<void> follow();
  Result<void> guess(int most);

  const Engine& draft_engine_;
  int64_t target_vocabulary_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<text::Sampler> sampler_;
  std::vector<int32_t> known_;   // the timeline
  int64_t agreed_ = 0;           // tokens at the front of known_ that the session holds, too
  std::vector<int32_t> draft_;
  bool broken_ = false;
};

}  // namespace hearth
