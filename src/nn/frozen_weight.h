// A frozen linear weight in a compact storage format, and the products with it.
//
// Source: optimum-quanto tensor/weights; torchao prototype/quantized_training/int8.py,
// quantization/quantize_/workflows/float8; bitsandbytes functional.py (quantize_4bit).
#pragma once

#include <torch/custom_class.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace omnigen::nn {

enum class WeightFormat {
  kInt8Quanto,   // int8 codes, a scale per output row in the weight's dtype
  kInt8Torchao,  // the same, codes from float32 arithmetic, scale applied after the product
  kFp8Quanto,    // float8 e4m3 codes, a scale per output row in the weight's dtype
  kFp8Torchao,   // float8 e4m3 codes, a float32 scale per row; x is rounded to float8 as well
  kInt8Dynamic,  // int8 codes, a float32 scale per row; multiplied as integers, x rounded by row
  kNf4,          // 4-bit codes of 16 normal quantiles, blocks of 64, 8-bit magnitudes
};

class FrozenWeight;
using FrozenWeightPtr = c10::intrusive_ptr<FrozenWeight>;

class FrozenWeight : public torch::CustomClassHolder {
 public:
  // Of x, of results and of dequantized(): the dtype of the weight that was compacted.
  [[nodiscard]] at::ScalarType dtype() const { return dtype_; }
  [[nodiscard]] int64_t out_features() const { return out_features_; }
  [[nodiscard]] int64_t in_features() const { return in_features_; }

  // The weight that is multiplied by, Ŵ: a new tensor. Shapes: [out, in].
  [[nodiscard]] virtual at::Tensor dequantized() const = 0;
  // x · Ŵᵀ (+ b), nothing recorded. Shapes: x [..., in], bias [out] or undefined.
  [[nodiscard]] virtual at::Tensor multiply(const at::Tensor& x, const at::Tensor& bias) const;
  // The gradient of x: g · Ŵ. Shapes: g [..., out] -> [..., in].
  [[nodiscard]] virtual at::Tensor multiply_transposed(const at::Tensor& grad) const;

  // Everything that is stored, by name.
  using Parts = std::vector<std::pair<std::string, at::Tensor>>;
  [[nodiscard]] virtual Parts parts() const = 0;
  [[nodiscard]] int64_t num_bytes() const;
  [[nodiscard]] virtual FrozenWeightPtr to(at::Device device) const = 0;

 protected:
  explicit FrozenWeight(const at::Tensor& weight)
      : FrozenWeight(weight.scalar_type(), weight.size(0), weight.size(1)) {}
  FrozenWeight(at::ScalarType dtype, int64_t out_features, int64_t in_features)
      : dtype_(dtype), out_features_(out_features), in_features_(in_features) {}

 private:
  at::ScalarType dtype_;
  int64_t out_features_;
  int64_t in_features_;
};

// Whether layers of this size are compacted: torchao's float8 takes multiples of 16 only.
bool takes_size(WeightFormat format, int64_t out_features, int64_t in_features);

// On the weight's device. Shapes: [out, in], float32 or bfloat16.
FrozenWeightPtr compact(const at::Tensor& weight, WeightFormat format);

// Bytes of a compact weight without making it: num_bytes() of one of these sizes.
int64_t compact_bytes(WeightFormat format, int64_t out_features, int64_t in_features,
                      int64_t element_bytes);

}  // namespace omnigen::nn
