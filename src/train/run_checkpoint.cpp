// What a run puts into a checkpoint, and takes from one.
#include <fmt/format.h>

#include "train/trainer.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {

SavedState Trainer::saved_state() const {
  adapter::FileFacts facts;
  facts.step = parts_.state.step;
  facts.title = parts_.config.log.tracker_run_name;
  facts.comment = parts_.config.publish.modelspec_comment;
  facts.resolution = static_cast<int64_t>(parts_.config.data.resolution);
  return {parts_.state.step, parts_.optimizer, parts_.ema, parts_.state, facts};
}

void Trainer::resume(const std::filesystem::path& checkpoint) {
  const std::string name = checkpoint.filename().string();
  const bool reset_optimizer = parts_.config.optim.reset_optimizer;

  TrainingState saved;
  try {
    saved = load_training_state(checkpoint).get<TrainingState>();
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(
        fmt::format("{}: training_state.json: {}", checkpoint.string(), error.what()));
  }
  for (const std::string& note : compare_settings(saved, parts_.state, name, reset_optimizer)) {
    if (parts_.group.is_root()) util::log::warn(note);
  }
  parts_.weights.load(checkpoint, reset_optimizer ? nullptr : &parts_.optimizer, parts_.ema);
  parts_.state.step = saved.step;
  parts_.state.cursor = saved.cursor;
  saved_step_ = saved.step;
  last_checkpoint_ = name;
}

}  // namespace omnigen::train
