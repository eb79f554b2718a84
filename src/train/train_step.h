// One optimizer step: micro-batches -> gradients -> update.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "adapter/adapter_set.h"
#include "comm/gradient_reducer.h"
#include "comm/process_group.h"
#include "comm/recorder.h"
#include "model/omnigen_transformer.h"
#include "optim/ema.h"
#include "optim/flat_gradients.h"
#include "optim/grad_clip.h"
#include "optim/optimizer.h"
#include "train/graphed_passes.h"
#include "train/pass_inputs.h"
#include "train/sample_loader.h"

namespace omnigen::train {

struct StepResult {
  double loss = 0.0;                  // mean over the global batch
  std::vector<double> sample_losses;  // of the global batch, in its order: the same on every rank
  std::vector<double> sample_times;   // t of each
  double gradient = 0.0;              // largest element or global norm, before clipping
  bool finite = true;                 // false: no rank has updated anything
  double compute_s = 0.0;
  double reduce_s = 0.0;
  double update_s = 0.0;
};

class TrainStep {
 public:
  struct Parts {
    model::OmniGenTransformer& transformer;
    adapter::AdapterSet* adapters;  // null: the whole model is trained
    optim::FlatGradients& gradients;
    optim::Optimizer& optimizer;
    comm::ProcessGroup& group;
    optim::ClipOptions clip;
    optim::Ema* ema = nullptr;           // this rank's averages, of what its optimizer updates
    comm::Recorder* recorder = nullptr;  // set: passes are recorded and replayed
  };
  explicit TrainStep(const Parts& parts);

  struct Place {
    std::optional<int64_t> global_batch;  // E, where ranks do not have equal shares
    int64_t step = 1;                     // number of the optimizer step, for the averages
  };
  // This rank's micro-batches of a global batch of E samples; loss and gradient are means over the
  // E. Collective.
  StepResult run(const std::vector<TrainMicroBatch>& micro_batches, double learning_rate,
                 const Place& place);
  StepResult run(const std::vector<TrainMicroBatch>& micro_batches, double learning_rate) {
    return run(micro_batches, learning_rate, Place{});
  }

 private:
  class Overlap;

  // Adds the gradient of (sum of losses) / E; returns the samples' losses, which may not be there
  // yet: nothing in it waits for the device.
  at::Tensor accumulate(const TrainMicroBatch& batch, double global_batch);
  [[nodiscard]] PassInputs prepared(const TrainMicroBatch& batch, double global_batch) const;
  [[nodiscard]] std::vector<at::Tensor> targets_of(const TrainMicroBatch& batch) const;
  [[nodiscard]] at::Tensor pass(const PassInputs& inputs) const;
  // The optimizer's step, and the averages'.
  void update(double learning_rate, int64_t step);

  Parts parts_;
  comm::GradientReducer reducer_;
  std::optional<GraphedPasses> graphed_;
};

}  // namespace omnigen::train
