#include "nn/frozen_weight.h"

#include "nn/nf4_weight.h"
#include "nn/product.h"
#include "nn/row_scaled_weight.h"

namespace omnigen::nn {

at::Tensor FrozenWeight::multiply(const at::Tensor& x, const at::Tensor& bias) const {
  return product(x, dequantized(), bias);
}

at::Tensor FrozenWeight::multiply_transposed(const at::Tensor& grad) const {
  return product(grad, dequantized().t(), {});
}

int64_t FrozenWeight::num_bytes() const {
  int64_t total = 0;
  for (const auto& [name, part] : parts()) total += static_cast<int64_t>(part.nbytes());
  return total;
}

bool takes_size(WeightFormat format, int64_t out_features, int64_t in_features) {
  constexpr int64_t kFloat8Multiple = 16;
  return format != WeightFormat::kFp8Torchao ||
         (out_features % kFloat8Multiple == 0 && in_features % kFloat8Multiple == 0);
}

FrozenWeightPtr compact(const at::Tensor& weight, WeightFormat format) {
  const at::NoGradGuard no_grad;
  if (format == WeightFormat::kNf4) return c10::make_intrusive<Nf4Weight>(weight);
  return c10::make_intrusive<RowScaledWeight>(weight, format);
}

int64_t compact_bytes(WeightFormat format, int64_t out_features, int64_t in_features,
                      int64_t element_bytes) {
  if (format == WeightFormat::kNf4) return nf4_bytes(out_features * in_features);
  const bool float_scales =
      format == WeightFormat::kFp8Torchao || format == WeightFormat::kInt8Dynamic;
  const int64_t scale_bytes = float_scales ? 4 : element_bytes;
  return out_features * (in_features + scale_bytes);
}

}  // namespace omnigen::nn
