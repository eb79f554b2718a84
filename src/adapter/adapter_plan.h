// What a configuration says of a run's adapter: which layers get one, of which kind, and how it
// lies in files. One class per kind implements it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter_files.h"
#include "adapter/layer_adapter.h"
#include "nn/module_info.h"

namespace omnigen::adapter {

struct PlannedLayer {
  const nn::ModuleInfo* module;
  std::string name;         // what its tensors' names begin with
  std::string description;  // for a person, e.g. "3072x3072: W1 16x16, W2 192x192"
  int64_t num_parameters = 0;
  // Fresh factors, drawn from (seed, "adapter", name): delta is zero.
  std::function<std::shared_ptr<LayerAdapter>(uint64_t seed, at::Device device)> make;
};

class AdapterPlan {
 public:
  AdapterPlan() = default;
  virtual ~AdapterPlan() = default;

  // In the order of the module tree. `notices` gets lines for the log: what each target matched,
  // what matches nothing, layers and parameters in total; null: none wanted.
  // Errors: ConfigError when nothing matches at all.
  [[nodiscard]] virtual std::vector<PlannedLayer> plan(const nn::ModuleTree& tree,
                                                       std::vector<std::string>* notices) const = 0;
  // Output scale of every layer in training.
  [[nodiscard]] virtual double initial_multiplier() const { return 1.0; }
  // `tensors` as AdapterSet::state_dict() gives them.
  [[nodiscard]] virtual AdapterFiles files(Tensors tensors, const FileFacts& facts) const = 0;

 protected:
  AdapterPlan(const AdapterPlan&) = default;
  AdapterPlan(AdapterPlan&&) = default;
  AdapterPlan& operator=(const AdapterPlan&) = default;
  AdapterPlan& operator=(AdapterPlan&&) = default;
};

}  // namespace omnigen::adapter
