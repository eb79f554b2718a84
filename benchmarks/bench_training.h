// Everything a training step needs, on the workload's samples: a cache shard, a model and adapters
// with random weights, AdamW, one rank.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter_set.h"
#include "bench_support.h"
#include "comm/process_group.h"
#include "model/omnigen_transformer.h"
#include "optim/adamw.h"
#include "train/batch_stream.h"
#include "train/train_step.h"
#include "workload.h"

namespace omnigen::bench {

struct TrainingOptions {
  model::TransformerConfig config;
  Sides px = {256};
  int64_t batch = 1;  // samples of a micro-batch, one a step; 1, 2 or 4
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  std::string adapt = "attention";
  bool checkpointing = false;
  bool int8_base = false;  // frozen weights as with base_model_precision int8-dynamic
  bool graphs = false;     // as with cuda_graphs
};

class Training {
 public:
  // Every rank of the group trains on four samples of its own, of the same lengths in a step, as
  // the processes of peer_scale.py do.
  Training(const TrainingOptions& options, comm::ProcessGroup& group);

  [[nodiscard]] const TrainingOptions& options() const { return options_; }
  [[nodiscard]] int ranks() const { return group_.size(); }
  [[nodiscard]] int64_t num_trained() const { return adapters_.num_parameters(); }
  [[nodiscard]] const model::OmniGenTransformer& transformer() const { return *transformer_; }
  train::BatchStream& batches() { return *batches_; }
  train::StepResult step(std::vector<train::TrainMicroBatch> micro_batches);
  // Four samples packed into one micro-batch give the losses and the gradient of the four alone.
  // Errors: c10::Error.
  void check();

 private:
  TrainingOptions options_;
  TempFolder folder_;
  std::shared_ptr<const train::SampleLoader> loader_;
  std::unique_ptr<model::OmniGenTransformer> transformer_;
  adapter::AdapterSet adapters_;
  std::vector<optim::Parameter> parameters_;
  std::unique_ptr<optim::FlatGradients> gradients_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  comm::ProcessGroup& group_;
  std::unique_ptr<comm::Recorder> recorder_;  // null: passes are not recorded
  std::unique_ptr<train::TrainStep> step_;
  std::unique_ptr<train::BatchStream> batches_;
};

}  // namespace omnigen::bench
