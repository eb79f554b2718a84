// What a step of this run will take on this machine, measured before the first one, and how much of
// a block the backward pass computes again so that it fits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "config/schema.h"
#include "model/omnigen_transformer.h"
#include "optim/optimizer.h"
#include "train/recompute_plan.h"
#include "train/run_plan.h"
#include "train/sample_cost.h"
#include "train/sample_loader.h"
#include "train/trained_weights.h"

namespace omnigen::train {

// Samples of a run as a step sees them.
struct Workload {
  data::SampleRef largest;    // of the greatest cost
  double largest_flop = 0.0;  // without what a regularisation sample costs besides
  double mean_flop = 0.0;
};
// Of all records, or of some thousand spread over a large set.
Workload workload_of(const SampleLoader& loader, const SampleCost& cost);

struct StepForecast {
  RecomputePlan recompute;
  double compute_s = 0.0;  // of a step: forward and backward passes
  double reduce_s = 0.0;   // the gradients summed over ranks
  int64_t peak_bytes = 0;  // of a rank: resident memory, or that of its GPU
  int64_t budget_bytes = 0;

  [[nodiscard]] double step_s() const { return compute_s + reduce_s; }
};

// Lines for the log.
std::vector<std::string> describe(const StepForecast& forecast, const RunPlan& plan);

class Forecaster {
 public:
  struct Parts {
    const config::Config& config;
    comm::ProcessGroup& group;
    int ranks_on_host;
    model::OmniGenTransformer& transformer;
    TrainedWeights& weights;
    const optim::Optimizer& optimizer;
    const SampleLoader& loader;
    SampleCost cost;
    const RunPlan& plan;
  };
  explicit Forecaster(const Parts& parts) : parts_(parts) {}

  // Sets what the transformer recomputes, the same on every rank. Collective; gradients are spoilt.
  // Errors: ConfigError where memory_budget is set and too small.
  StepForecast plan();

 private:
  [[nodiscard]] std::function<std::vector<at::Tensor>(int64_t block)> leaves_of_block() const;
  // As many of the largest sample as a micro-batch may have.
  [[nodiscard]] int64_t largest_micro_batch(const data::SampleRef& largest) const;
  [[nodiscard]] LevelCost measured(const model::MicroBatch& batch, model::Recompute level);
  [[nodiscard]] double measured_reduction() const;
  [[nodiscard]] int64_t least_full_blocks() const;
  [[nodiscard]] int64_t measure_budget(StepForecast& forecast);
  void refuse_or_warn(const StepForecast& forecast) const;

  Parts parts_;
};

}  // namespace omnigen::train
