// LoRA on one linear layer: y = base(x) + μ · scale · drop(x) · Aᵀ · Bᵀ with small trained factors.
//
// Source: arXiv:2106.09685; peft tuners/lora/layer.py (class Linear).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "adapter/kron_linear.h"
#include "adapter/layer_adapter.h"
#include "nn/explicit_linear.h"

namespace omnigen::adapter {

inline constexpr const char* kLoraA = "lora_A.weight";  // [rank, in]
inline constexpr const char* kLoraB = "lora_B.weight";  // [out, rank]

enum class LoraInit {
  kUniform,   // peft's default: A Kaiming-uniform
  kGaussian,  // A normal with standard deviation 1 / rank
};

struct LoraShape {
  int64_t out_features = 0;
  int64_t in_features = 0;
  int64_t rank = 1;
  double scale = 1.0;
  double dropout = 0.0;  // of the input, in training

  [[nodiscard]] int64_t num_parameters() const { return rank * (in_features + out_features); }
};

// The shape that saved factors have. Errors: DataError; `where` names their place.
LoraShape lora_shape_of(const Tensors& factors, const std::string& where);

class LoraFactors : public LayerAdapter, public nn::ExplicitAdapter {
 public:
  // Fresh float32 leaves: A drawn from (seed, "adapter", name), B zero.
  LoraFactors(const LoraShape& shape, LoraInit init, const std::string& name, uint64_t seed,
              at::Device device);

  // base_out is overwritten where autograd allows it. Computed in x's dtype.
  at::Tensor add_to(const at::Tensor& base_out, const at::Tensor& x) override;

  // Dropout in training needs the graph.
  [[nodiscard]] bool is_explicit() const override { return !draws() || sample_rows() == nullptr; }
  [[nodiscard]] std::vector<at::Tensor> leaves() const override {
    return {factor(kLoraA), factor(kLoraB)};
  }
  at::Tensor add_into(const at::Tensor& out, const at::Tensor& x) const override;
  [[nodiscard]] std::vector<at::Tensor> backward(const at::Tensor& grad_out, const at::Tensor& x,
                                                 const at::Tensor& kept,
                                                 const at::Tensor& grad_x) const override;

  [[nodiscard]] const LoraShape& shape() const { return shape_; }
  [[nodiscard]] int64_t out_features() const override { return shape_.out_features; }
  [[nodiscard]] int64_t in_features() const override { return shape_.in_features; }
  [[nodiscard]] double scale() const override { return shape_.scale; }
  [[nodiscard]] double alpha() const override { return shape_.scale * rank(); }
  [[nodiscard]] double scale_of(double saved_alpha) const override { return saved_alpha / rank(); }
  [[nodiscard]] bool draws() const override { return shape_.dropout > 0.0; }
  [[nodiscard]] at::Tensor delta_weight() const override;

 private:
  // Of add_kron_linear().
  [[nodiscard]] KronFactors kron_factors() const;
  [[nodiscard]] double rank() const { return static_cast<double>(shape_.rank); }
  [[nodiscard]] at::Tensor dropped(const at::Tensor& x) const;

  LoraShape shape_;
  std::string name_;
  at::Tensor one_;  // [1, 1]: W1 of add_kron_linear
};

}  // namespace omnigen::adapter
