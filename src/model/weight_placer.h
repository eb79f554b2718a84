// Weights as read from a file -> as a run holds them: dtype, device, storage format.
#pragma once

#include <torch/types.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/omnigen_transformer.h"
#include "model/weight_map.h"

namespace omnigen::model {

// In the placement's dtype on its device. Errors: DataError for what is no floating-point weight.
at::Tensor placed(const at::Tensor& tensor, const std::string& name, const Placement& placement);

class WeightPlacer {
 public:
  WeightPlacer(const TransformerConfig& config, const Placement& placement);

  // One after another: of a weight that is compacted nothing else stays. Errors: as placed().
  void add(const std::string& name, const at::Tensor& tensor);
  // Kept as it is: the positional table is cropped where it lies, only crops are cast and moved.
  void add_table(const at::Tensor& tensor) { weights_.dense[kPositionTable] = tensor; }

  [[nodiscard]] TransformerWeights take() { return std::move(weights_); }

  // Whether a weight of this name and shape is compacted.
  [[nodiscard]] bool is_compacted(const std::string& name, const std::vector<int64_t>& shape) const;

 private:
  [[nodiscard]] bool is_rounded_convolution(const std::string& name) const;

  Placement placement_;
  std::set<std::string> linear_weights_;
  TransformerWeights weights_;
};

}  // namespace omnigen::model
