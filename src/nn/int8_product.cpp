#include "nn/int8_product.h"

#include <ATen/ops/_int_mm.h>

#include "nn/row_quantize.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

at::Tensor integer_product(const at::Tensor& rows, const at::Tensor& codes) {
  util::count_flop(2.0 * static_cast<double>(rows.numel()) * static_cast<double>(codes.size(1)));
  return at::_int_mm(rows, codes);
}

}  // namespace

// cuBLAS takes more than 16 rows and multiples of 8.
bool has_int8_product(const at::Tensor& rows, const at::Tensor& codes) {
  constexpr int64_t kFewRows = 16;
  constexpr int64_t kMultiple = 8;
  return !rows.is_cuda() || (rows.size(0) > kFewRows && codes.size(0) % kMultiple == 0 &&
                             codes.size(1) % kMultiple == 0);
}

at::Tensor int8_product(const at::Tensor& x, const at::Tensor& codes, const at::Tensor& scale,
                        const at::Tensor& bias) {
  const QuantizedRows rows = quantize_rows(x, {});
  return scale_products(integer_product(rows.codes_PC, codes.t()), rows.scale_P, scale, bias,
                        x.scalar_type());
}

at::Tensor int8_product_transposed(const at::Tensor& grad, const at::Tensor& codes,
                                   const at::Tensor& scale) {
  const QuantizedRows rows = quantize_rows(grad, scale);
  return scale_products(integer_product(rows.codes_PC, codes), rows.scale_P, {}, {},
                        grad.scalar_type());
}

}  // namespace omnigen::nn
