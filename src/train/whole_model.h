// Every weight of the transformer, its optimizer's state and averages shared out over ranks.
//
// A checkpoint: transformer/ and transformer_ema/ for others to load; parameters, optimizer and
// ema_state in one file a rank (train/state_shards.h) for an exact resume at any number of ranks.
// A finished run: pipeline/, for OmniGenPipeline.from_pretrained.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/safetensors_reader.h"
#include "model/omnigen_transformer.h"
#include "model/pipeline_folder.h"
#include "optim/sharded_optimizer.h"
#include "train/trained_weights.h"

namespace omnigen::train {

class WholeModel : public TrainedWeights {
 public:
  struct Parts {
    model::OmniGenTransformer& transformer;  // placed to be trained
    model::PipelineSources sources;          // of what pipeline/ holds beside it
    comm::ProcessGroup& group;
    // False: no sample has input images, so that their projection gets no gradient and stays.
    bool input_images = false;
  };
  explicit WholeModel(Parts parts);

  [[nodiscard]] adapter::AdapterSet* adapters() override { return nullptr; }
  [[nodiscard]] std::vector<at::Tensor> leaves_of_block(int64_t block) const override;
  [[nodiscard]] int64_t training_bytes(bool with_ema) const override;
  // The leaves keep their values until load(), so that the untouched model can be measured.
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
  // All of a checkpoint but its manifest. Collective. Errors, on rank 0: what failed on any rank.
  void write(const std::filesystem::path& folder, const SavedState& state);
  [[nodiscard]] nlohmann::json write_own(const std::filesystem::path& folder,
                                         const SavedState& state) const;
  // The live weights, or the averaged ones, as a diffusers folder. Collective. Returns what failed.
  std::string write_live(const std::filesystem::path& folder, const optim::Optimizer& optimizer);
  std::string write_average(const std::filesystem::path& folder, const optim::Ema& ema);
  void load_untrained(const std::filesystem::path& checkpoint);

  Parts parts_;
  std::optional<io::SafetensorsFolder> start_;
  optim::ShardedOptimizer* optimizer_ = nullptr;  // what make_optimizer() has returned
};

}  // namespace omnigen::train
