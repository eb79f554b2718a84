// 8-bit codes with one scale per output row: Ŵ[i, j] = scale[i] · code[i, j].
#pragma once

#include "nn/frozen_weight.h"

namespace omnigen::nn {

class RowScaledWeight : public FrozenWeight {
 public:
  // `format` is one with a scale per row. A row of zeros has scale 0 and codes 0.
  RowScaledWeight(const at::Tensor& weight, WeightFormat format);

  [[nodiscard]] at::Tensor dequantized() const override;
  [[nodiscard]] at::Tensor multiply(const at::Tensor& x, const at::Tensor& bias) const override;
  [[nodiscard]] at::Tensor multiply_transposed(const at::Tensor& grad) const override;
  // "data" [out, in], int8 or float8 e4m3; "scale" [out, 1].
  [[nodiscard]] Parts parts() const override { return {{"data", codes_}, {"scale", scale_}}; }
  [[nodiscard]] FrozenWeightPtr to(at::Device device) const override;

 private:
  // The codes themselves as numbers of x's dtype, which holds each of them exactly.
  [[nodiscard]] at::Tensor code_values() const { return codes_.to(dtype()); }

  WeightFormat format_;
  at::Tensor codes_;
  at::Tensor scale_;
};

}  // namespace omnigen::nn
