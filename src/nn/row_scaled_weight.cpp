#include "nn/row_scaled_weight.h"

#include "nn/fp8_product.h"
#include "nn/int8_product.h"
#include "nn/product.h"
#include "nn/row_quantize.h"

namespace omnigen::nn {
namespace {

constexpr double kLargestInt8 = 127.0;
constexpr double kLowestInt8 = -128.0;
constexpr double kLargestFloat8 = 448.0;  // of e4m3
constexpr double kSmallestScale = 1e-12;

bool is_float8(WeightFormat format) {
  return format == WeightFormat::kFp8Quanto || format == WeightFormat::kFp8Torchao;
}

// W / s, 0 where a row's scale is 0.
at::Tensor divided(const at::Tensor& weight, const at::Tensor& scale) {
  return at::where(scale == 0, at::zeros({}, weight.options()), weight / scale);
}

at::Tensor to_int8(const at::Tensor& values) {
  return values.round().clamp(kLowestInt8, kLargestInt8).to(at::kChar);
}

at::Tensor to_float8(const at::Tensor& values) {
  return values.clamp(-kLargestFloat8, kLargestFloat8).to(at::kFloat8_e4m3fn);
}

at::Tensor with_bias(const at::Tensor& out, const at::Tensor& bias) {
  return bias.defined() ? out + bias : out;
}

std::vector<int64_t> with_last(const at::Tensor& like, int64_t size) {
  std::vector<int64_t> sizes = like.sizes().vec();
  sizes.back() = size;
  return sizes;
}

}  // namespace

RowScaledWeight::RowScaledWeight(const at::Tensor& weight, WeightFormat format)
    : FrozenWeight(weight), format_(format) {
  if (format == WeightFormat::kInt8Dynamic) {
    const QuantizedRows rows = quantize_rows(weight, {});
    codes_ = rows.codes_PC;
    scale_ = rows.scale_P.unsqueeze(1);
    return;
  }
  const at::Tensor largest = weight.abs().amax(1, /*keepdim=*/true);
  // Each library's own arithmetic: where it divides, and in which dtype.
  scale_ = largest / (is_float8(format) ? kLargestFloat8 : kLargestInt8);
  switch (format) {
    case WeightFormat::kInt8Quanto:
      codes_ = to_int8(divided(weight, scale_));
      return;
    case WeightFormat::kInt8Torchao:
      codes_ = to_int8(weight.to(at::kFloat) *
                       scale_.to(at::kFloat).clamp_min(kSmallestScale).reciprocal());
      return;
    case WeightFormat::kFp8Quanto:
      codes_ = to_float8(divided(weight, scale_));
      return;
    case WeightFormat::kFp8Torchao:
      scale_ = scale_.to(at::kFloat);
      codes_ = to_float8(divided(weight.to(at::kFloat), scale_));
      return;
    case WeightFormat::kInt8Dynamic:
    case WeightFormat::kNf4:
      break;
  }
  TORCH_CHECK(false, "a format without codes of its own arithmetic");
}

at::Tensor RowScaledWeight::dequantized() const {
  return (codes_.to(scale_.scalar_type()) * scale_).to(dtype());
}

at::Tensor RowScaledWeight::multiply(const at::Tensor& x, const at::Tensor& bias) const {
  if (format_ == WeightFormat::kInt8Dynamic) {
    const at::Tensor rows = x.reshape({-1, in_features()});
    if (!has_int8_product(rows, codes_)) return FrozenWeight::multiply(x, bias);
    return int8_product(rows, codes_, scale_.view(-1), bias).view(with_last(x, out_features()));
  }
  if (format_ == WeightFormat::kInt8Torchao) {
    return with_bias(product(x, code_values(), {}).mul_(scale_.view(-1)), bias);
  }
  if (format_ == WeightFormat::kFp8Torchao) {
    const at::Tensor x_scale =
        (x.abs().amax().to(at::kFloat) / kLargestFloat8).clamp_min(kSmallestScale);
    const at::Tensor x_codes = to_float8(x.to(at::kFloat) / x_scale);
    const at::Tensor out = has_fp8_product(codes_)
                               ? fp8_product(x_codes.reshape({-1, in_features()}), codes_, dtype())
                                     .view(with_last(x, out_features()))
                               : product(x_codes.to(dtype()), code_values(), {});
    return with_bias((out * (x_scale * scale_.view(-1))).to(dtype()), bias);
  }
  return FrozenWeight::multiply(x, bias);
}

at::Tensor RowScaledWeight::multiply_transposed(const at::Tensor& grad) const {
  if (format_ == WeightFormat::kInt8Dynamic) {
    const at::Tensor rows = grad.reshape({-1, out_features()});
    if (!has_int8_product(rows, codes_)) return FrozenWeight::multiply_transposed(grad);
    return int8_product_transposed(rows, codes_, scale_.view(-1))
        .view(with_last(grad, in_features()));
  }
  if (format_ == WeightFormat::kInt8Torchao) {
    return product(grad * scale_.view(-1), code_values().t(), {});
  }
  return FrozenWeight::multiply_transposed(grad);
}

FrozenWeightPtr RowScaledWeight::to(at::Device device) const {
  auto moved = c10::make_intrusive<RowScaledWeight>(*this);
  moved->codes_ = codes_.to(device);
  moved->scale_ = scale_.to(device);
  return moved;
}

}  // namespace omnigen::nn
