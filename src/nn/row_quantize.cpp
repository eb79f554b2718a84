// P rows, C channels, N output channels.
#include "nn/row_quantize.h"

#include "nn/parallel.h"
#include "nn/simd.h"

namespace omnigen::nn {
namespace {

using simd::kLanes;
using simd::Lanes;

constexpr float kLargestCode = 127.0F;
constexpr int64_t kRowsPerTask = 16;

// All of a vector or, of a row's tail, the first `left` bytes: one of known size is one
// instruction.
template <class Vector>
OMNIGEN_LANES_INLINE void copy_upto(void* to, const Vector* from, int64_t left) {
  if (left >= static_cast<int64_t>(sizeof(Vector))) {
    std::memcpy(to, from, sizeof(Vector));
  } else {
    std::memcpy(to, from, static_cast<size_t>(left));
  }
}

template <class T>
struct QuantizeRows {
  const T* x;
  const float* column_scale;  // null: one
  int8_t* codes;
  float* scale;
  int64_t channels;
};

template <class T>
OMNIGEN_LANES_INLINE void load_scaled(const QuantizeRows<T>& a, int64_t row, int64_t c, Lanes& x) {
  const int64_t left = a.channels - c;
  simd::load_upto(a.x + row * a.channels + c, left, x);
  if (a.column_scale == nullptr) return;
  Lanes scale;
  simd::load_upto(a.column_scale + c, left, scale);
  x *= scale;
}

template <class T>
OMNIGEN_LANES_INLINE void quantize(const QuantizeRows<T>& a, int64_t begin, int64_t end) {
  // Adding and subtracting it rounds to the nearest integer, ties to even.
  constexpr float kRounder = 12582912.0F;
  using CodeLanes = int8_t __attribute__((vector_size(kLanes)));
  for (int64_t row = begin; row < end; ++row) {
    Lanes largest{};
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      Lanes x;
      load_scaled(a, row, c, x);
      const Lanes magnitude = x < 0 ? -x : x;
      largest = magnitude > largest ? magnitude : largest;
    }
    const float scale = simd::maximum(largest) / kLargestCode;
    const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
    a.scale[row] = scale;
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      Lanes x;
      load_scaled(a, row, c, x);
      x = (x * inverse + kRounder) - kRounder;
      const auto codes =
          __builtin_convertvector(__builtin_convertvector(x, simd::IntLanes), CodeLanes);
      copy_upto(a.codes + row * a.channels + c, &codes, a.channels - c);
    }
  }
}

OMNIGEN_SIMD void quantize_float(const QuantizeRows<float>& a, int64_t begin, int64_t end) {
  quantize(a, begin, end);
}
OMNIGEN_SIMD void quantize_bfloat16(const QuantizeRows<at::BFloat16>& a, int64_t begin,
                                    int64_t end) {
  quantize(a, begin, end);
}

template <class T>
struct ScaleRows {
  const int32_t* products;
  const float* row_scale;
  const float* column_scale;  // null: one
  const float* bias;          // null: zero
  T* out;
  int64_t channels;
};

template <class T>
OMNIGEN_LANES_INLINE void scale(const ScaleRows<T>& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * a.channels;
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      const int64_t left = a.channels - c;
      simd::IntLanes sums{};
      copy_upto(&sums, reinterpret_cast<const simd::IntLanes*>(a.products + at + c),
                left * static_cast<int64_t>(sizeof(int32_t)));
      Lanes x = __builtin_convertvector(sums, Lanes) * a.row_scale[row];
      Lanes other;
      if (a.column_scale != nullptr) {
        simd::load_upto(a.column_scale + c, left, other);
        x *= other;
      }
      if (a.bias != nullptr) {
        simd::load_upto(a.bias + c, left, other);
        x += other;
      }
      simd::store_upto(a.out + at + c, left, x);
    }
  }
}

OMNIGEN_SIMD void scale_float(const ScaleRows<float>& a, int64_t begin, int64_t end) {
  scale(a, begin, end);
}
OMNIGEN_SIMD void scale_bfloat16(const ScaleRows<at::BFloat16>& a, int64_t begin, int64_t end) {
  scale(a, begin, end);
}

const float* floats_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

at::Tensor contiguous_floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.to(at::kFloat).contiguous() : tensor;
}

QuantizedRows quantize_by_tensor_ops(const at::Tensor& x_PC, const at::Tensor& column_scale_C) {
  at::Tensor x = x_PC.to(at::kFloat);
  if (column_scale_C.defined()) x = x * column_scale_C;
  const at::Tensor scale_P = x.abs().amax(1) / kLargestCode;
  const at::Tensor inverse = at::where(scale_P > 0, scale_P.reciprocal(), at::zeros_like(scale_P));
  return {(x * inverse.unsqueeze(1)).round().to(at::kChar), scale_P};
}

}  // namespace

QuantizedRows quantize_rows(const at::Tensor& x_PC, const at::Tensor& column_scale_C) {
  if (!has_row_kernels(x_PC)) return quantize_by_tensor_ops(x_PC, column_scale_C);
  const at::Tensor x = x_PC.contiguous();
  const at::Tensor column_scale = contiguous_floats(column_scale_C);
  const int64_t channels = x.size(1);
  QuantizedRows rows{at::empty(x.sizes(), x.options().dtype(at::kChar)),
                     at::empty({x.size(0)}, x.options().dtype(at::kFloat))};
  const auto run = [&](const auto* values, const auto& kernel) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(values)>>;
    const QuantizeRows<T> a{values, floats_or_null(column_scale), rows.codes_PC.data_ptr<int8_t>(),
                            rows.scale_P.data_ptr<float>(), channels};
    parallel_for(x.size(0), kRowsPerTask,
                 [&](int64_t begin, int64_t end) { kernel(a, begin, end); });
  };
  if (x.scalar_type() == at::kFloat) {
    run(x.const_data_ptr<float>(), quantize_float);
  } else {
    run(x.const_data_ptr<at::BFloat16>(), quantize_bfloat16);
  }
  return rows;
}

at::Tensor scale_products(const at::Tensor& products_PN, const at::Tensor& row_scale_P,
                          const at::Tensor& column_scale_N, const at::Tensor& bias_N,
                          at::ScalarType dtype) {
  const at::Tensor column_scale = contiguous_floats(column_scale_N);
  const at::Tensor bias = contiguous_floats(bias_N);
  at::Tensor out = at::empty(products_PN.sizes(), products_PN.options().dtype(dtype));
  if (!has_row_kernels(out)) {
    at::Tensor values = products_PN.to(at::kFloat) * row_scale_P.unsqueeze(1);
    if (column_scale.defined()) values = values * column_scale;
    if (bias.defined()) values = values + bias;
    return values.to(dtype);
  }
  const at::Tensor products = products_PN.contiguous();
  const auto run = [&](auto* values, const auto& kernel) {
    using T = std::remove_pointer_t<decltype(values)>;
    const ScaleRows<T> a{products.const_data_ptr<int32_t>(),
                         row_scale_P.const_data_ptr<float>(),
                         floats_or_null(column_scale),
                         floats_or_null(bias),
                         values,
                         out.size(1)};
    parallel_for(out.size(0), kRowsPerTask,
                 [&](int64_t begin, int64_t end) { kernel(a, begin, end); });
  };
  if (dtype == at::kFloat) {
    run(out.data_ptr<float>(), scale_float);
  } else {
    run(out.data_ptr<at::BFloat16>(), scale_bfloat16);
  }
  return out;
}

}  // namespace omnigen::nn
