// int8 codes with a float32 scale per output row, multiplied as integers: rows of the other operand
// are rounded to int8 as they come, in both directions (dynamic quantization, "W8A8").
#pragma once

#include "nn/frozen_weight.h"

namespace omnigen::nn {

class Int8Weight : public FrozenWeight {
 public:
  explicit Int8Weight(const at::Tensor& weight);

  [[nodiscard]] at::Tensor dequantized() const override;
  [[nodiscard]] at::Tensor multiply(const at::Tensor& x, const at::Tensor& bias) const override;
  // The scales lie on the axis that is summed over: they go into the gradient before it is rounded.
  [[nodiscard]] at::Tensor multiply_transposed(const at::Tensor& grad) const override;
  // "data" [out, in], int8; "scale" [out], float32.
  [[nodiscard]] Parts parts() const override { return {{"data", codes_}, {"scale", scale_}}; }
  [[nodiscard]] FrozenWeightPtr to(at::Device device) const override;

 private:
  at::Tensor codes_;
  at::Tensor scale_;
};

}  // namespace omnigen::nn
