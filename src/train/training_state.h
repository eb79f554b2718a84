// What a run must remember besides weights: position, and the settings that a resume must agree
// with.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/cursor.h"

namespace omnigen::train {

struct TrainingState {
  int64_t step = 0;  // optimizer steps done
  data::Cursor cursor;
  uint64_t seed = 0;
  int64_t global_batch = 0;
  int64_t world_size = 1;
  std::string optimizer;
  std::string precision;
  // Data set id -> fingerprint.
  nlohmann::json data = nlohmann::json::object();
};

void to_json(nlohmann::json& json, const TrainingState& state);
// Errors: nlohmann::json::exception.
void from_json(const nlohmann::json& json, TrainingState& state);

// Differences between a checkpoint's settings and this run's, as lines for a person. Allowed ones
// only. Errors: ConfigError for those that forbid a resume (another seed, or another optimizer
// unless `reset_optimizer`).
std::vector<std::string> compare_settings(const TrainingState& saved, const TrainingState& now,
                                          const std::string& checkpoint, bool reset_optimizer);

}  // namespace omnigen::train
