// What a run trains, as the loop, its checkpoints and its results see it: an adapter beside the
// frozen model, or every weight of the model.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapter/adapter_set.h"
#include "comm/process_group.h"
#include "config/schema.h"
#include "optim/ema.h"
#include "optim/flat_gradients.h"
#include "optim/optimizer.h"
#include "train/checkpoint.h"

namespace omnigen::train {

// What is saved with the weights.
struct SavedState {
  int64_t step;
  const optim::Optimizer& optimizer;
  const optim::Ema* ema;  // this rank's averages; null: none
  nlohmann::json training_state;
  adapter::FileFacts facts;
};

class TrainedWeights {
 public:
  virtual ~TrainedWeights() = default;
  TrainedWeights(const TrainedWeights&) = delete;
  TrainedWeights& operator=(const TrainedWeights&) = delete;

  // Null where the whole model is trained: there is nothing to switch off.
  [[nodiscard]] virtual adapter::AdapterSet* adapters() = 0;
  // The leaves that autograd fills, the same on every rank.
  [[nodiscard]] const std::vector<optim::Parameter>& parameters() const { return parameters_; }
  [[nodiscard]] optim::FlatGradients& gradients() { return *gradients_; }
  [[nodiscard]] int64_t num_parameters() const;
  // Those that a block of the model uses.
  [[nodiscard]] virtual std::vector<at::Tensor> leaves_of_block(int64_t block) const = 0;
  // Bytes of this rank beside the model's weights and the optimizer's state.
  [[nodiscard]] virtual int64_t training_bytes(bool with_ema) const = 0;

  // The optimizer's state will begin at a checkpoint's weights. Errors: as load().
  virtual void start_at(const std::filesystem::path& checkpoint) = 0;
  virtual std::unique_ptr<optim::Optimizer> make_optimizer(const config::OptimConfig& config,
                                                           uint64_t seed) = 0;
  // After make_optimizer(). Null on ranks that average none.
  virtual std::unique_ptr<optim::Ema> make_ema(const optim::EmaOptions& options) = 0;
  // The rank that averages each of the parameters.
  [[nodiscard]] virtual std::vector<int> ema_holders() const = 0;

  // Begins a checkpoint of the weights as they are now. Collective. What is returned completes it:
  // to be called once on rank 0, on any thread, while the training goes on. Errors (of both):
  // Error; earlier checkpoints stay.
  using CompleteSave = std::function<std::filesystem::path()>;
  virtual CompleteSave save(CheckpointStore& store, const SavedState& state,
                            CheckpointKind kind) = 0;
  // Bit for bit. `optimizer` null: its state is left; `ema` as in SavedState. Collective. Errors:
  // DataError for a checkpoint of other weights than these.
  virtual void load(const std::filesystem::path& checkpoint, optim::Optimizer* optimizer,
                    optim::Ema* ema) = 0;
  // What a finished run leaves; returns what to name as its result. Collective.
  virtual std::filesystem::path write_result(const std::filesystem::path& output_dir,
                                             const SavedState& state) = 0;

 protected:
  TrainedWeights() = default;
  // Once, in the constructor.
  void set_parameters(std::vector<optim::Parameter> parameters);

 private:
  std::vector<optim::Parameter> parameters_;
  std::unique_ptr<optim::FlatGradients> gradients_;
};

}  // namespace omnigen::train
