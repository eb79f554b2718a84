// The OmniGen transformer (arXiv:2409.11340) on packed, maskless micro-batches.
//
// Source: diffusers models/transformers/transformer_omnigen.py; VectorSpaceLab/OmniGen
// OmniGen/model.py.
#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/packed_sample.h"
#include "model/recompute.h"
#include "model/transformer_config.h"
#include "nn/frozen_weight.h"
#include "nn/module_info.h"

namespace omnigen::model {

// Weights by diffusers name, in compute dtype and on the device; of a linear layer either its
// weight or the compact form of it.
struct TransformerWeights {
  TransformerWeights() = default;
  TransformerWeights(std::map<std::string, at::Tensor> all_dense) : dense(std::move(all_dense)) {}

  std::map<std::string, at::Tensor> dense;
  std::map<std::string, nn::FrozenWeightPtr> compact;
};

class OmniGenTransformer {
 public:
  OmniGenTransformer(const TransformerConfig& config, TransformerWeights weights);
  ~OmniGenTransformer();
  OmniGenTransformer(const OmniGenTransformer&) = delete;
  OmniGenTransformer& operator=(const OmniGenTransformer&) = delete;

  // Predicted velocities x1 - x0, one per sample. Shapes: [C, h, w] each, float32. With `blocks`
  // the first ones only: what a block costs can be measured so.
  [[nodiscard]] std::vector<at::Tensor> forward(const MicroBatch& batch,
                                                std::optional<int64_t> blocks = {}) const;
  // In two: what comes from host memory, and a pass that reads the device's only; of `batch` it
  // reads latents and sizes. Errors: TORCH_CHECK for an id outside the vocabulary.
  [[nodiscard]] BatchFeatures upload(const MicroBatch& batch) const;
  [[nodiscard]] std::vector<at::Tensor> forward(const MicroBatch& batch,
                                                const BatchFeatures& features) const;

  // Activations on the way, by name, for tests and diagnostics: time_token, time_embedding [B, D],
  // rope_cos, rope_sin [P, d], sequence, layer_0, layer_1, … [P, D], modulated [N, D], of the
  // packed micro-batch.
  using StageObserver = std::function<void(const std::string& name, const at::Tensor& value)>;
  void set_stage_observer(StageObserver observer);

  // By block; those beyond the end recompute nothing. `parameters_of(block)` are the trained leaves
  // that a block uses. Where a block does not run as one (block_pass.h), kSelective is kFull.
  void set_recompute(std::vector<Recompute> of_block,
                     std::function<std::vector<at::Tensor>(int64_t block)> parameters_of);

  [[nodiscard]] const TransformerConfig& config() const;
  // Every weight by diffusers name, in the order of definition; the positional table excluded.
  // Compact ones are made dense for this.
  [[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> named_weights() const;
  // The positional table as it was stored, or computed in the compute dtype. Shapes: [1, S·S, D].
  [[nodiscard]] at::Tensor position_table() const;
  // The module tree with `linear` set, for adapters to attach to.
  nn::ModuleTree module_tree();
  [[nodiscard]] at::ScalarType dtype() const;
  [[nodiscard]] at::Device device() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The same tree from shapes alone.
nn::ModuleTree module_tree(const TransformerConfig& config);

// The positional table's name: a constant that a model file may hold.
inline constexpr const char* kPositionTable = "patch_embedding.pos_embed";

// Name and shape of every trained weight, in the order of definition.
std::vector<std::pair<std::string, std::vector<int64_t>>> trained_shapes(
    const TransformerConfig& config);

// Of all trained_shapes().
int64_t num_parameters(const TransformerConfig& config);

// Name and shape of every weight of the diffusers layout, positional table included.
std::map<std::string, std::vector<int64_t>> weight_shapes(const TransformerConfig& config);

}  // namespace omnigen::model
