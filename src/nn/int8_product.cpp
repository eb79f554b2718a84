#include "nn/int8_weight.h"

#include <ATen/ops/_int_mm.h>

#include "nn/row_quantize.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

// cuBLAS takes more than 16 rows and multiples of 8.
bool has_integer_product(const at::Tensor& rows, const at::Tensor& codes) {
  constexpr int64_t kFewRows = 16;
  constexpr int64_t kMultiple = 8;
  return !rows.is_cuda() || (rows.size(0) > kFewRows && codes.size(0) % kMultiple == 0 &&
                             codes.size(1) % kMultiple == 0);
}

at::Tensor integer_product(const at::Tensor& rows, const at::Tensor& codes) {
  util::count_flop(2.0 * static_cast<double>(rows.numel()) * static_cast<double>(codes.size(1)));
  return at::_int_mm(rows, codes);
}

std::vector<int64_t> with_last(const at::Tensor& like, int64_t size) {
  std::vector<int64_t> sizes = like.sizes().vec();
  sizes.back() = size;
  return sizes;
}

}  // namespace

Int8Weight::Int8Weight(const at::Tensor& weight) : FrozenWeight(weight) {
  const QuantizedRows rows = quantize_rows(weight, {});
  codes_ = rows.codes_PC;
  scale_ = rows.scale_P;
}

at::Tensor Int8Weight::dequantized() const {
  return (codes_.to(at::kFloat) * scale_.unsqueeze(1)).to(dtype());
}

at::Tensor Int8Weight::multiply(const at::Tensor& x, const at::Tensor& bias) const {
  const at::Tensor rows = x.reshape({-1, in_features()});
  if (!has_integer_product(rows, codes_)) return FrozenWeight::multiply(x, bias);
  const QuantizedRows found = quantize_rows(rows, {});
  return scale_products(integer_product(found.codes_PC, codes_.t()), found.scale_P, scale_, bias,
                        x.scalar_type())
      .view(with_last(x, out_features()));
}

at::Tensor Int8Weight::multiply_transposed(const at::Tensor& grad) const {
  const at::Tensor rows = grad.reshape({-1, out_features()});
  if (!has_integer_product(rows, codes_)) return FrozenWeight::multiply_transposed(grad);
  const QuantizedRows found = quantize_rows(rows, scale_);
  return scale_products(integer_product(found.codes_PC, codes_), found.scale_P, {}, {},
                        grad.scalar_type())
      .view(with_last(grad, in_features()));
}

FrozenWeightPtr Int8Weight::to(at::Device device) const {
  auto moved = c10::make_intrusive<Int8Weight>(*this);
  moved->codes_ = codes_.to(device);
  moved->scale_ = scale_.to(device);
  return moved;
}

}  // namespace omnigen::nn
