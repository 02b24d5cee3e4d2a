// Contract and exclusions: fair_shares.h.
#include "engine/serving/fair_shares.h"

#include <algorithm>

namespace hearth {

FairShares::Owner* FairShares::join(const std::string& name) {
  Owner& owner = owners_[name];
  if (owner.answers++ > 0) return &owner;
  owner.name = name;
  owner.time = std::max(owner.time, common_time_);
  ++active_;
  return &owner;
}

void FairShares::leave(Owner* owner) {
  if (--owner->answers > 0) return;
  if (--active_ == 0) {  // nobody is left to whom anything could be owed
    owners_.clear();
    common_time_ = 0;
    return;
  }
  if (owner->time <= common_time_) owners_.erase(std::string(owner->name));
  if (owners_.size() > sweep_at_) forget_settled();
}

void FairShares::charge(Owner* owner, int64_t tokens) {
  common_time_ += static_cast<double>(tokens) / active_;
  owner->time = std::max(owner->time + static_cast<double>(tokens), common_time_ - kMaxCredit);
}

void FairShares::forget_settled() {
  for (auto it = owners_.begin(); it != owners_.end();) {
    const bool settled = it->second.answers == 0 && it->second.time <= common_time_;
    it = settled ? owners_.erase(it) : std::next(it);
  }
  sweep_at_ = std::max<size_t>(64, owners_.size() * 2);
}

}  // namespace hearth
