// Float32 tensors in 8 bits: blocks of 256 elements in flat order (the last may be short), each
// with its largest magnitude; a value is map[code] · absmax.
//
// The map has 256 sorted values whose density falls with the magnitude: for i = 0..6 the midpoints
// of 2ⁱ equal parts of [0.1, 1] times 10^(i−6), with both signs; or of 2ⁱ⁺¹ parts without a sign;
// and 0 and 1. Source: arXiv:2110.02861; bitsandbytes functional.py (create_dynamic_map) and its
// portable quantiser, which takes the nearest value, the lower of two.
#pragma once

#include <torch/types.h>

namespace omnigen::optim {

struct BlockCodes {
  at::Tensor codes;   // uint8, shape of the values
  at::Tensor absmax;  // float32 [number of blocks]
};

class BlockCodebook {
 public:
  enum class Range { kSigned, kUnsigned };

  BlockCodebook(Range range, at::Device device);

  // Codes of a tensor of zeros, as bitsandbytes starts with them: code 0, absmax 0.
  [[nodiscard]] BlockCodes zeros(at::IntArrayRef shape) const;
  // `values`: float32 on the codebook's device. Overwrites `into`, which has their shape.
  void encode(const at::Tensor& values, BlockCodes& into) const;
  [[nodiscard]] at::Tensor decode(const BlockCodes& codes) const;

  [[nodiscard]] const at::Tensor& map() const { return map_; }  // float32 [256], sorted

 private:
  at::Tensor map_;
  at::Tensor midpoints_;  // float32 [255]
};

}  // namespace omnigen::optim
