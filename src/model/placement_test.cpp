// Placement over imagined devices.
#include "model/placement.h"

#include <gtest/gtest.h>

namespace hearth::model {
namespace {

const std::vector<LayerBytes> kLayers(4, LayerBytes{10, 30});

std::string shape(const std::vector<DeviceBudget>& devices) {
  std::string text;
  for (const LayerPlace& place : place_layers(kLayers, devices)) {
    text += std::to_string(place.mixer) + std::to_string(place.feed_forward) + " ";
  }
  return text;
}

TEST(Placement, EverythingOnTheOnlyDevice) { EXPECT_EQ(shape({{"cpu", 0}}), "00 00 00 00 "); }

TEST(Placement, WholeLayersFirstThenMixers) {
  EXPECT_EQ(shape({{"gpu", 1000}, {"cpu", 0}}), "00 00 00 00 ");
  EXPECT_EQ(shape({{"gpu", 80}, {"cpu", 0}}), "00 00 11 11 ");
  EXPECT_EQ(shape({{"gpu", 95}, {"cpu", 0}}), "00 00 01 11 ");
  EXPECT_EQ(shape({{"gpu", 5}, {"cpu", 0}}), "11 11 11 11 ");
}

TEST(Placement, SeveralDevicesFillInOrder) {
  EXPECT_EQ(shape({{"a", 40}, {"b", 50}, {"cpu", 0}}), "00 11 12 22 ");
}

}  // namespace
}  // namespace hearth::model
