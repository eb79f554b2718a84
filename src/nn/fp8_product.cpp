#include "nn/fp8_product.h"

#include <ATen/ops/_scaled_mm.h>

#include "util/profile.h"

namespace omnigen::nn {
namespace {

bool multiplies_float8(at::Device device) {
  constexpr int64_t kSmall = 16;
  const at::Tensor codes =
      at::zeros({kSmall, kSmall}, at::TensorOptions(device).dtype(at::kFloat8_e4m3fn));
  try {
    static_cast<void>(fp8_product(codes, codes, at::kBFloat16));
    return true;
  } catch (const c10::Error&) {  // an older GPU
    return false;
  }
}

}  // namespace

bool has_fp8_product(const at::Tensor& codes) {
  if (!codes.is_cuda()) return false;
  static const bool found = multiplies_float8(codes.device());
  return found;
}

at::Tensor fp8_product(const at::Tensor& x, const at::Tensor& w, at::ScalarType dtype) {
  util::count_flop(2.0 * static_cast<double>(x.numel()) * static_cast<double>(w.size(0)));
  const at::Tensor one = at::ones({}, x.options().dtype(at::kFloat));
  return at::_scaled_mm(x, w.t(), one, one, /*bias=*/{}, /*scale_result=*/{}, dtype,
                        /*use_fast_accum=*/false);
}

}  // namespace omnigen::nn
