#include "train/loss_by_time.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace omnigen::train {

nlohmann::ordered_json loss_by_time(const std::vector<double>& times,
                                    const std::vector<double>& losses,
                                    const std::vector<bool>& counted) {
  struct Bin {
    int64_t count = 0;
    double sum = 0.0;
  };
  std::map<int64_t, Bin> bins;
  for (size_t i = 0; i < losses.size(); ++i) {
    if (!counted[i] || !std::isfinite(losses[i])) continue;
    const auto index = static_cast<int64_t>(times[i] * static_cast<double>(kTimeBins));
    Bin& bin = bins[std::clamp<int64_t>(index, 0, kTimeBins - 1)];
    ++bin.count;
    bin.sum += losses[i];
  }
  auto rows = nlohmann::ordered_json::array();
  for (const auto& [index, bin] : bins) {
    rows.push_back({index, bin.count, bin.sum / static_cast<double>(bin.count)});
  }
  return rows;
}

}  // namespace omnigen::train
