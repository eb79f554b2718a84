#include "train/resume_point.h"

#include <fmt/format.h>

#include "train/best_checkpoint.h"
#include "train/checkpoint.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {

std::string resume_point(const config::TrainConfig& train, comm::ProcessGroup& group) {
  std::string found;
  const bool off = train.resume_from_checkpoint.empty() || train.resume_from_checkpoint == "none";
  if (group.is_root() && off) {
    const auto checkpoints = CheckpointStore(train.output_dir, {}).list();
    if (!checkpoints.empty()) {
      util::log::warn(fmt::format(
          "resume_from_checkpoint is off, and {} holds checkpoints up to {}: those of the same "
          "step will be replaced",
          train.output_dir, checkpoints.back().filename().string()));
    }
  }
  if (group.is_root() && !off) {
    const CheckpointStore store(train.output_dir, {});
    if (train.resume_from_checkpoint == "latest") {
      const auto latest = store.latest(train.delete_invalid_checkpoints);
      if (latest) found = latest->string();
    } else if (train.resume_from_checkpoint == "best") {
      const auto best = read_best_checkpoint(train.output_dir);
      if (!best) {
        throw util::DataError(fmt::format(
            "resume_from_checkpoint: no best checkpoint in {}: checkpoint-best.json is written "
            "where an evaluation set and save_best_checkpoint are on; latest takes the newest",
            train.output_dir));
      }
      found = store.named(best->folder).string();
    } else {
      found = store.named(train.resume_from_checkpoint).string();
    }
  }
  return group.broadcast_bytes(found, 0);
}

}  // namespace omnigen::train
