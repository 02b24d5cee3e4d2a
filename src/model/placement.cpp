// See placement.h.
#include "model/placement.h"

#include "hearth/error.h"

namespace hearth::model {

std::vector<LayerPlace> place_layers(std::span<const LayerBytes> layers, std::span<const DeviceBudget> devices) {
  CHECK(!devices.empty());
  const int last = static_cast<int>(devices.size()) - 1;
  std::vector<LayerPlace> places(layers.size(), LayerPlace{last, last});
  std::vector<int64_t> free(devices.size());
  for (size_t d = 0; d < devices.size(); ++d) free[d] = devices[d].free_bytes;
  size_t layer = 0;
  for (int device = 0; device < last; ++device) {
    for (; layer < layers.size(); ++layer) {
      const int64_t bytes = layers[layer].mixer + layers[layer].feed_forward;
      if (bytes > free[device]) break;
      free[device] -= bytes;
      places[layer] = {device, device};
    }
  }
  for (; layer < layers.size(); ++layer) {
    for (int device = 0; device < last; ++device) {
      if (layers[layer].mixer > free[device]) continue;
      free[device] -= layers[layer].mixer;
      places[layer].mixer = device;
      break;
    }
  }
  return places;
}

}  // namespace hearth::model
