// What the tests on tiny random models share: their goldens and how far logits are from them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "hearth/engine.h"

namespace hearth::tiny_goldens {

inline std::string golden_model(const std::string& name) { return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name; }

inline std::vector<int32_t> read_numbers(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istream_iterator<int32_t>(file), {}};
}

inline std::vector<float> read_floats(const std::string& path, size_t count) {
  std::vector<float> values(count);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(float)));
  EXPECT_TRUE(file) << path << " is shorter than " << count << " values";
  return values;
}

// Largest difference over the largest magnitude of one position.
inline double relative_difference(std::span<const float> expected, std::span<const float> got) {
  double difference = 0, magnitude = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    difference = std::max(difference, std::fabs(double{expected[i]} - got[i]));
    magnitude = std::max(magnitude, std::fabs(double{expected[i]}));
  }
  return difference / magnitude;
}

// Every position's logits, [positions][vocabulary].
inline std::map<int64_t, std::vector<float>> logits_of(Session& session, std::span<const int32_t> ids, int chunk) {
  std::map<int64_t, std::vector<float>> logits;
  const auto done = session.append_all_logits(
      ids, [&](int64_t index, std::span<const float> row) { logits[index] = {row.begin(), row.end()}; }, chunk);
  EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message);
  return logits;
}

}  // namespace hearth::tiny_goldens
