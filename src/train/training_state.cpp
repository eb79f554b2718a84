#include "train/training_state.h"

#include <fmt/format.h>

#include "util/error.h"

namespace omnigen::train {

void to_json(nlohmann::json& json, const TrainingState& state) {
  json = {{"global_step", state.step},
          {"position", state.cursor},
          {"seed", state.seed},
          {"global_batch", state.global_batch},
          {"world_size", state.world_size},
          {"optimizer", state.optimizer},
          {"precision", state.precision},
          {"data", state.data}};
}

void from_json(const nlohmann::json& json, TrainingState& state) {
  json.at("global_step").get_to(state.step);
  json.at("position").get_to(state.cursor);
  json.at("seed").get_to(state.seed);
  json.at("global_batch").get_to(state.global_batch);
  json.at("world_size").get_to(state.world_size);
  json.at("optimizer").get_to(state.optimizer);
  json.at("precision").get_to(state.precision);
  state.data = json.at("data");
}

std::vector<std::string> compare_settings(const TrainingState& saved, const TrainingState& now,
                                          const std::string& checkpoint, bool reset_optimizer) {
  if (saved.optimizer != now.optimizer && !reset_optimizer) {
    throw util::ConfigError(
        fmt::format("optimizer: {} was made with {}, the configuration says {}; use the former, or "
                    "go on without its state with reset_optimizer=true [C44]",
                    checkpoint, saved.optimizer, now.optimizer));
  }
  if (saved.seed != now.seed) {
    throw util::ConfigError(
        fmt::format("seed: {} was made with seed {}, the configuration says {}: samples would be "
                    "drawn twice or never; "
                    "use the former, or another output_dir [C44]",
                    checkpoint, saved.seed, now.seed));
  }
  std::vector<std::string> notes;
  if (reset_optimizer) {
    notes.push_back(
        fmt::format("reset_optimizer: {} starts with fresh state, that of {} is left; "
                    "take the key out before the next resume",
                    now.optimizer, checkpoint));
  }
  if (saved.global_batch != now.global_batch) {
    notes.push_back(
        fmt::format("{} was made with effective batch {}, now {}: the rest of its epoch is cut "
                    "anew; the learning rate "
                    "is not changed",
                    checkpoint, saved.global_batch, now.global_batch));
  } else if (saved.world_size != now.world_size) {
    notes.push_back(
        fmt::format("{} was made with {} ranks, now {}: the same run, up to the order of sums",
                    checkpoint, saved.world_size, now.world_size));
  }
  if (saved.precision != now.precision) {
    notes.push_back(
        fmt::format("{} was made with {}, now {}", checkpoint, saved.precision, now.precision));
  }
  for (const auto& [id, fingerprint] : now.data.items()) {
    if (!saved.data.contains(id)) {
      notes.push_back(fmt::format("data set {} is new since {}", id, checkpoint));
    } else if (saved.data.at(id) != fingerprint) {
      notes.push_back(fmt::format("data set {} has changed since {}", id, checkpoint));
    }
  }
  for (const auto& [id, fingerprint] : saved.data.items()) {
    if (!now.data.contains(id))
      notes.push_back(fmt::format("data set {} is gone since {}", id, checkpoint));
  }
  return notes;
}

}  // namespace omnigen::train
