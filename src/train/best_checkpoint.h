// The checkpoint with the lowest evaluation loss: `<output_dir>/checkpoint-best.json`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "comm/process_group.h"
#include "train/evaluation.h"

namespace omnigen::train {

struct BestCheckpoint {
  std::string folder;  // its name in output_dir
  int64_t step = 0;
  double loss = 0.0;
  std::optional<double> improvement;  // over the untouched model
  std::optional<double> interval;     // half width of its 95 % interval
  std::string what;                   // EvaluationOutcome::what
};

// Nothing where there is none or its folder is gone. A damaged file is a warning.
std::optional<BestCheckpoint> read_best_checkpoint(const std::filesystem::path& output_dir);
// Errors: Error if it cannot be written.
void write_best_checkpoint(const std::filesystem::path& output_dir, const BestCheckpoint& best);

// Follows the evaluation losses of a run. Its answers are the same on every rank.
class BestTracker {
 public:
  // Not `enabled`: nothing is ever the best.
  BestTracker(std::filesystem::path output_dir, bool enabled);

  // What an earlier start has left. Collective.
  void load(comm::ProcessGroup& group);
  // Remembers an outcome that is finite and lower than all before it.
  void offer(int64_t step, const EvaluationOutcome& outcome);
  // The model as it is now is the best and has no checkpoint yet.
  [[nodiscard]] bool pending() const { return candidate_.has_value(); }
  // `folder` will hold it.
  void saved_in(const std::string& folder);
  // `folder` is complete. Whether it is the best, which the file then says. Rank 0 only.
  bool complete(const std::string& folder) const;
  // It gets no checkpoint.
  void forget() { candidate_.reset(); }
  [[nodiscard]] const std::optional<BestCheckpoint>& best() const { return best_; }

 private:
  std::filesystem::path output_dir_;
  bool enabled_;
  std::optional<BestCheckpoint> best_;
  std::optional<BestCheckpoint> candidate_;
};

}  // namespace omnigen::train
