// Edit distance with swaps (optimal string alignment), on bytes: names are ASCII in practice.
//
// Contract: see nearest.h. Names longer than kMaxNameLength are compared by containment only.
#include "base/nearest.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace hearth {
namespace {

constexpr size_t kMaxNameLength = 128;
constexpr size_t kMaxResults = 3;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view typed, const std::vector<std::string>& candidates) {
  std::vector<std::pair<size_t, std::string>> scored;
  const std::string want = lower(typed);
  if (want.empty()) return {};
  for (const std::string& candidate : candidates) {
    const std::string name = lower(candidate);
    if (name.find(want) != std::string::npos) {
      scored.emplace_back(name.starts_with(want) ? 0 : 1, candidate);
    } else if (want.size() <= kMaxNameLength && name.size() <= kMaxNameLength) {
      const size_t edits = distance(want, name);
      if (edits <= std::max<size_t>(1, want.size() / 3)) scored.emplace_back(1 + edits, candidate);
    }
  }
  std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (size_t i = 0; i < scored.size() && i < kMaxResults; ++i) out.push_back(scored[i].second);
  return out;
}

std::string join_or(const std::vector<std::string>& words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace hearth
