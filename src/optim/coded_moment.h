// A moment of bitsandbytes' optimizers: float32 while the tensor is small, 8-bit codes from a
// number of elements on.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "optim/block_codes.h"

namespace omnigen::optim {

class CodedMoment {
 public:
  // Zeros of the shape and on the device of `like`; coded from `min_coded_elements` on.
  CodedMoment(const at::Tensor& like, std::shared_ptr<const BlockCodebook> codebook,
              int64_t min_coded_elements);

  // Float32, to be changed in place and given back to store().
  [[nodiscard]] at::Tensor load() const;
  void store(const at::Tensor& value);

  // What is kept: float32 values or uint8 codes; absmax is undefined beside values.
  [[nodiscard]] const at::Tensor& state() const { return coded_ ? codes_.codes : value_; }
  [[nodiscard]] const at::Tensor& absmax() const { return codes_.absmax; }

 private:
  std::shared_ptr<const BlockCodebook> codebook_;
  bool coded_;
  at::Tensor value_;
  BlockCodes codes_;
};

}  // namespace omnigen::optim
