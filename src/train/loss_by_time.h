// The losses of a step's samples by noise level: what metrics.jsonl has as `train_loss_by_t`.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace omnigen::train {

inline constexpr int64_t kTimeBins = 20;  // of equal width over 0 <= t <= 1

// [bin, samples, mean loss] of every bin that a sample fell into, in order. `counted` says which
// samples count; those whose loss is not finite do not.
nlohmann::ordered_json loss_by_time(const std::vector<double>& times,
                                    const std::vector<double>& losses,
                                    const std::vector<bool>& counted);

}  // namespace omnigen::train
