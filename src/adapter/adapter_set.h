// All adapters of a model: created or loaded, attached, saved, merged.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter_plan.h"
#include "adapter/layer_adapter.h"
#include "nn/module_info.h"

namespace omnigen::adapter {

struct NamedTensor {
  std::string name;
  at::Tensor value;
};

class AdapterSet {
 public:
  // Fresh factors, float32, drawn from (seed, "adapter", name); attached to the tree's linear
  // layers where `linear` is set.
  AdapterSet(const AdapterPlan& plan, const nn::ModuleTree& tree, uint64_t seed,
             at::Device device = at::kCPU);
  // What a file's tensors describe, with their values: no configuration needed. Attached likewise.
  // Errors: DataError when they are not factors of this model's layers.
  static AdapterSet from_tensors(const Tensors& values, const nn::ModuleTree& tree,
                                 const std::string& where, at::Device device = at::kCPU);

  // Trained leaves in the order of the model's layers, by their names in files.
  [[nodiscard]] std::vector<NamedTensor> parameters() const;
  [[nodiscard]] int64_t num_parameters() const;
  [[nodiscard]] size_t num_modules() const { return adapters_.size(); }
  // Trained leaves of the modules whose path begins with `prefix` (activation checkpointing).
  [[nodiscard]] std::vector<at::Tensor> parameters_below(const std::string& prefix) const;
  // Lines for the log: what was matched, layers and parameters in total.
  [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }

  // Output scale of every adapter; 1 in training, 0 for the untouched model.
  void set_multiplier(double multiplier);
  [[nodiscard]] double multiplier() const { return multiplier_; }

  // Of the micro-batch that is about to be trained on, where draws() says that adapters need it;
  // null afterwards: nothing is dropped outside training.
  void set_sample_rows(const std::shared_ptr<const SampleRows>& rows);
  [[nodiscard]] bool draws() const;

  // Factors by their names in files (`lycoris_layers_0_self_attn_to_q.lokr_w1`,
  // `base_model.model.layers.0.self_attn.to_q.lora_A.weight`, …) and each layer's `.alpha`: a copy.
  [[nodiscard]] Tensors state_dict(at::ScalarType dtype) const;
  // `values` as state_dict() gives them, or with EMA values in place; `.alpha` may be left out.
  // Errors: DataError listing missing, unexpected and mis-shaped tensors, or another scale.
  void load_state_dict(const Tensors& values, const std::string& where);
  // Takes the values of every module that fits whole and leaves the others as they are; returns
  // lines for the log. A low-rank module keeps what it computes although its alpha may differ here.
  // Errors: DataError when no module fits.
  std::vector<std::string> init_from(const Tensors& values, const std::string& where);

  // delta_weight [out, in] of one module in float32, scale applied once.
  [[nodiscard]] at::Tensor delta_weight(size_t module) const;
  // Adds every delta, times the multiplier, to its layer's weight and detaches the adapter: in
  // float32, rounded once to the weight's dtype. A compact weight becomes a dense one.
  void merge_into(nn::ModuleTree& tree) const;

  struct Entry {
    std::string module_name;
    std::string name;  // what its tensors' names begin with
    std::shared_ptr<LayerAdapter> adapter;
  };
  [[nodiscard]] const std::vector<Entry>& entries() const { return adapters_; }

 private:
  AdapterSet() = default;
  void attach(const nn::ModuleInfo& module, Entry entry);

  std::vector<Entry> adapters_;
  std::vector<std::string> notices_;
  double multiplier_ = 1.0;
};

}  // namespace omnigen::adapter
