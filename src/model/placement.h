// Placement: which device computes which part of which layer. A pure function of sizes.
//
// Contract: devices are given fastest first; the last one takes whatever is left (it is the CPU, whose weights are mapped
// and reclaimable). A part is never split. Not here: measuring free memory (memory.h), moving data (executor).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hearth::model {

struct DeviceBudget {
  std::string name;
  int64_t free_bytes = 0;
};

// Bytes that one layer's parts need where they run: weights, and for the mixer its keys and values too.
struct LayerBytes {
  int64_t mixer = 0;
  int64_t feed_forward = 0;
};

struct LayerPlace {
  int mixer = 0;         // index of the device
  int feed_forward = 0;
};

// Whole layers first, in order, as long as they fit a device; then mixers alone (they read the cache), the rest goes to
// the last device.
std::vector<LayerPlace> place_layers(std::span<const LayerBytes> layers, std::span<const DeviceBudget> devices);

}  // namespace hearth::model
