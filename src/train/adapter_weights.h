// An adapter beside the frozen model: the same on every rank, saved by rank 0.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter_plan.h"
#include "nn/module_info.h"
#include "train/trained_weights.h"

namespace omnigen::train {

class AdapterWeights : public TrainedWeights {
 public:
  // Fresh, or begun with init_lora's weights. Notices go to the log. Errors: ConfigError,
  // DataError.
  AdapterWeights(std::unique_ptr<adapter::AdapterPlan> plan, const nn::ModuleTree& tree,
                 const config::Config& config, at::Device device, comm::ProcessGroup& group);

  [[nodiscard]] adapter::AdapterSet* adapters() override { return &adapters_; }
  [[nodiscard]] std::vector<at::Tensor> leaves_of_block(int64_t block) const override;
  [[nodiscard]] int64_t training_bytes(bool with_ema) const override;
  void start_at(const std::filesystem::path& checkpoint) override;
  std::unique_ptr<optim::Optimizer> make_optimizer(const config::OptimConfig& config,
                                                   uint64_t seed) override;
  std::unique_ptr<optim::Ema> make_ema(const optim::EmaOptions& options) override;
  [[nodiscard]] std::vector<int> ema_holders() const override;
  CompleteSave save(CheckpointStore& store, const SavedState& state, CheckpointKind kind) override;
  void load(const std::filesystem::path& checkpoint, optim::Optimizer* optimizer,
            optim::Ema* ema) override;
  std::filesystem::path write_result(const std::filesystem::path& output_dir,
                                     const SavedState& state) override;

 private:
  [[nodiscard]] CheckpointContents contents(const SavedState& state) const;
  void load_weights(const LoadedCheckpoint& loaded, const std::string& name);

  std::unique_ptr<adapter::AdapterPlan> plan_;
  adapter::AdapterSet adapters_;
  at::ScalarType file_dtype_;
  comm::ProcessGroup& group_;
};

}  // namespace omnigen::train
