// 4-bit NormalFloat with double quantisation: blocks of 64 of the flattened weight, each value the
// nearest of 16 normal quantiles times its block's magnitude; the magnitudes less their mean in 8
// bits, blocks of 256.
//
// Source: arXiv:2305.14314; bitsandbytes functional.py (quantize_4bit, create_dynamic_map).
#pragma once

#include "nn/frozen_weight.h"

namespace omnigen::nn {

// Sorted values that codes stand for. Shapes: [16] and [256], float32.
at::Tensor nf4_values();
at::Tensor signed_8bit_map();

// The nearest value of a sorted map to each value / largest magnitude of its block; of two equally
// near ones the lower. A block of zeros has the code of 0.
struct BlockCodes {
  at::Tensor codes;   // uint8 [n]
  at::Tensor absmax;  // float32 [blocks], the last block may be short
};
BlockCodes encode_blocks(const at::Tensor& values_N, const at::Tensor& map, int64_t block);

class Nf4Weight : public FrozenWeight {
 public:
  explicit Nf4Weight(const at::Tensor& weight);

  [[nodiscard]] at::Tensor dequantized() const override;
  // "packed": two codes a byte, the first in the high half, whole blocks; "absmax_codes",
  // "absmax_absmax", "offset".
  [[nodiscard]] Parts parts() const override;
  [[nodiscard]] FrozenWeightPtr to(at::Device device) const override;

  // The magnitude of each block as it is used. Shapes: [blocks], float32.
  [[nodiscard]] at::Tensor absmax() const;

 private:
  at::Tensor packed_;
  at::Tensor absmax_codes_;
  at::Tensor absmax_absmax_;
  at::Tensor offset_;
  at::Tensor pairs_;       // [256, 2]: both values of a byte
  at::Tensor signed_map_;  // [256]
};

int64_t nf4_bytes(int64_t num_weights);

}  // namespace omnigen::nn
