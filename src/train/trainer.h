// The training loop: one optimizer step, repeated, with everything that happens between steps.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "comm/job.h"
#include "comm/process_group.h"
#include "config/schema.h"
#include "optim/ema.h"
#include "optim/lr_schedule.h"
#include "train/background_save.h"
#include "train/batch_stream.h"
#include "train/best_checkpoint.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/forecast_check.h"
#include "train/metrics.h"
#include "train/run_plan.h"
#include "train/run_state.h"
#include "train/step_profile.h"
#include "train/stop_signal.h"
#include "train/timetable.h"
#include "train/train_step.h"
#include "train/trained_weights.h"
#include "train/training_state.h"
#include "util/progress.h"

namespace omnigen::train {

// What the loop calls at its own times; collective, on every rank.
struct Hooks {
  std::function<EvaluationOutcome(int64_t step)> evaluate;
  // Renders, saves and logs validation images.
  std::function<void(int64_t step)> validate;
  // A checkpoint is complete; on rank 0 only. `temporary`: it may vanish at any time.
  std::function<void(const std::filesystem::path& folder, bool temporary)> saved;
};

class Trainer {
 public:
  struct Parts {
    const config::Config& config;
    comm::Job& job;
    comm::ProcessGroup& group;
    TrainedWeights& weights;
    optim::Optimizer& optimizer;
    TrainStep& step;
    StepProfile& profile;
    optim::Ema* ema;  // this rank's averages; null: none
    std::shared_ptr<const SampleLoader> loader;
    SampleCost sample_cost;
    RunPlan plan;
    ForecastCheck forecast;
    const optim::LrSchedule& schedule;
    Metrics& metrics;
    RunState& run_state;
    Hooks hooks;
    TrainingState state;  // settings filled in; step and cursor 0
  };
  explicit Trainer(Parts parts);

  // Loads a checkpoint's state. Errors: ConfigError, DataError.
  void resume(const std::filesystem::path& checkpoint);
  // Runs to the end or to a request to stop; returns the exit code. Collective.
  int run();

  [[nodiscard]] const TrainingState& state() const { return parts_.state; }

 private:
  void one_step(BatchStream& batches);
  void record(const StepResult& result, const LoadedBatch& batch, double wait_s, double step_s);
  void report_nonfinite(const StepResult& result, const LoadedBatch& batch);
  [[nodiscard]] std::vector<std::string> names_of(const LoadedBatch& batch) const;
  void check_weights_agree();
  [[nodiscard]] bool due(int64_t interval) const;
  [[nodiscard]] StepSpan span() const;
  void evaluate_into(std::map<std::string, double>* values);
  void validate();
  void save_if_due(bool requested);
  void save(CheckpointKind kind = CheckpointKind::kOrdinary);
  // What has to be done once a checkpoint is complete. Rank 0.
  void note_saved(const std::optional<BackgroundSave::Done>& done);
  // Every rank waits until the checkpoint that is being written is complete. Collective.
  void wait_for_save();
  [[nodiscard]] SavedState saved_state() const;
  int stop(StopRequest request);
  int finish();
  [[nodiscard]] RunProgress progress() const;

  Parts parts_;
  CheckpointStore store_;
  BestTracker best_;
  BackgroundSave writing_;
  StopSignal signals_;
  int64_t start_step_ = 0;
  int64_t saved_step_ = -1;
  int64_t validated_step_ = -1;
  int64_t nonfinite_in_a_row_ = 0;
  std::string saved_name_;       // of saved_step_, complete or not
  std::string last_checkpoint_;  // the last complete one
  std::unique_ptr<util::Progress> bar_;
  util::Stopwatch since_start_;
};

}  // namespace omnigen::train
