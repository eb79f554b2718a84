// What trains beside one frozen linear layer: y = base(x) + μ · delta(x). LoKr and LoRA are kinds
// of it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapter/sample_rows.h"
#include "nn/linear.h"
#include "util/seed_stream.h"

namespace omnigen::adapter {

// Saved tensors by name.
using Tensors = std::map<std::string, at::Tensor>;

class LayerAdapter : public nn::LinearAdapter {
 public:
  // Trained float32 leaves by their names in files, in the order of training.
  using Factors = std::vector<std::pair<std::string, at::Tensor>>;
  [[nodiscard]] const Factors& factors() const { return factors_; }
  [[nodiscard]] int64_t num_parameters() const;

  // Of the layer that these factors fit.
  [[nodiscard]] virtual int64_t out_features() const = 0;
  [[nodiscard]] virtual int64_t in_features() const = 0;
  // Factor between the factors' product and delta_weight().
  [[nodiscard]] virtual double scale() const = 0;
  // As saved beside the factors.
  [[nodiscard]] virtual double alpha() const = 0;
  // The scale that factors of these shapes saved with this alpha have.
  [[nodiscard]] virtual double scale_of(double saved_alpha) const = 0;
  // Shapes: [out, in], float32; scale applied once, multiplier not.
  [[nodiscard]] virtual at::Tensor delta_weight() const = 0;
  // Whether the output depends on draws in training: then it needs sample rows.
  [[nodiscard]] virtual bool draws() const { return false; }

  void set_multiplier(double multiplier) { multiplier_ = multiplier; }
  // Of the micro-batch that is about to be trained on; null: nothing is drawn.
  void set_sample_rows(std::shared_ptr<const SampleRows> rows) { sample_rows_ = std::move(rows); }

 protected:
  void add_factor(const std::string& name, const at::Tensor& value, at::Device device);
  [[nodiscard]] const at::Tensor& factor(const std::string& name) const;
  [[nodiscard]] double multiplier() const { return multiplier_; }
  [[nodiscard]] const SampleRows* sample_rows() const { return sample_rows_.get(); }

 private:
  Factors factors_;
  double multiplier_ = 1.0;
  std::shared_ptr<const SampleRows> sample_rows_;
};

// U(−1/√n, 1/√n), n columns: Kaiming-uniform with a = √5.
at::Tensor uniform_factor(const std::vector<int64_t>& shape, util::SeedStream& stream);

}  // namespace omnigen::adapter
