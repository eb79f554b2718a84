// P tokens, H heads, d channels of a head, K = d / 2.
#include "nn/rotary.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/parallel.h"
#include "nn/simd.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

using simd::kLanes;
using simd::Lanes;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRowsPerTask = 16;

template <class T>
struct RotateRows {
  const T* x;
  const float* cos;
  const float* sin;
  T* y;
  int64_t channels;
  int64_t half;
  float direction;  // 1 forward, -1 for the transpose
};

template <class T>
OMNIGEN_LANES_INLINE void rotate_rows(const RotateRows<T>& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t head = row * a.channels; head < (row + 1) * a.channels; head += 2 * a.half) {
      for (int64_t k = 0; k < a.half; k += kLanes) {
        const int64_t left = a.half - k;
        Lanes x1;
        Lanes x2;
        Lanes cos;
        Lanes sin;
        simd::load_upto(a.x + head + k, left, x1);
        simd::load_upto(a.x + head + a.half + k, left, x2);
        simd::load_upto(a.cos + row * a.half + k, left, cos);
        simd::load_upto(a.sin + row * a.half + k, left, sin);
        sin *= a.direction;
        simd::store_upto(a.y + head + k, left, x1 * cos - x2 * sin);
        simd::store_upto(a.y + head + a.half + k, left, x2 * cos + x1 * sin);
      }
    }
  }
}

OMNIGEN_SIMD void rotate_float(const RotateRows<float>& a, int64_t begin, int64_t end) {
  rotate_rows(a, begin, end);
}
OMNIGEN_SIMD void rotate_bfloat16(const RotateRows<at::BFloat16>& a, int64_t begin, int64_t end) {
  rotate_rows(a, begin, end);
}

// Into y, which may be x. Both contiguous.
void run_rotate(const at::Tensor& x, const at::Tensor& y, const RotaryAngles& angles, Turn turn) {
  const util::Span span("RoPE");
  const float direction = turn == Turn::kForth ? 1.0F : -1.0F;
  const float* cos = angles.cos.const_data_ptr<float>();
  const float* sin = angles.sin.const_data_ptr<float>();
  const int64_t channels = x.size(1);
  const int64_t half = angles.cos.size(1);
  const auto run = [&](const auto& kernel, const auto& rows) {
    parallel_for(x.size(0), kRowsPerTask,
                 [&](int64_t begin, int64_t end) { kernel(rows, begin, end); });
  };
  if (x.scalar_type() == at::kFloat) {
    run(rotate_float, RotateRows<float>{x.const_data_ptr<float>(), cos, sin, y.data_ptr<float>(),
                                        channels, half, direction});
  } else {
    run(rotate_bfloat16,
        RotateRows<at::BFloat16>{x.const_data_ptr<at::BFloat16>(), cos, sin,
                                 y.data_ptr<at::BFloat16>(), channels, half, direction});
  }
}

at::Tensor rotated(const at::Tensor& x_in, const RotaryAngles& angles, Turn turn) {
  const at::Tensor x = x_in.contiguous();
  const at::Tensor y = at::empty_like(x);
  run_rotate(x, y, angles, turn);
  return y;
}

// A rotation is its own inverse's transpose: backward needs the angles only.
class RotateHalf : public torch::autograd::Function<RotateHalf> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    ctx->save_for_backward({cos, sin});
    return rotated(x, {cos, sin}, Turn::kForth);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    require_first_order("rotate_half");
    const variable_list saved = ctx->get_saved_variables();
    return {rotated(grads[0], {saved[0], saved[1]}, Turn::kBack), at::Tensor(), at::Tensor()};
  }
};

// The readable form, for every device and dtype.
at::Tensor rotate_half_reference(const at::Tensor& x, const RotaryAngles& angles) {
  const int64_t half = angles.cos.size(1);
  const at::Tensor wide =
      x.to(at::promote_types(x.scalar_type(), at::kFloat)).view({x.size(0), -1, 2, half});
  const at::Tensor cos = angles.cos.unsqueeze(1);
  const at::Tensor sin = angles.sin.unsqueeze(1);
  const at::Tensor x1 = wide.select(2, 0);
  const at::Tensor x2 = wide.select(2, 1);
  return at::stack({x1 * cos - x2 * sin, x2 * cos + x1 * sin}, 2).view_as(x).to(x.scalar_type());
}

}  // namespace

RotaryTable::RotaryTable(RotaryOptions options) : options_(std::move(options)) {
  const auto half = static_cast<size_t>(options_.head_dim / 2);
  TORCH_CHECK(options_.head_dim % 2 == 0 && options_.short_factor.size() == half &&
                  options_.long_factor.size() == half,
              "rotary: head dim ", options_.head_dim, " needs ", half,
              " factors in each list, got ", options_.short_factor.size(), " and ",
              options_.long_factor.size());
}

double RotaryTable::scale() const {
  const double ratio = static_cast<double>(options_.max_positions) /
                       static_cast<double>(options_.original_max_positions);
  if (ratio <= 1.0) return 1.0;
  return std::sqrt(1.0 + std::log(ratio) /
                             std::log(static_cast<double>(options_.original_max_positions)));
}

at::Tensor RotaryTable::inverse_frequencies(bool long_list) const {
  const auto& list = long_list ? options_.long_factor : options_.short_factor;
  const at::Tensor factor = at::tensor(list, at::kDouble).to(at::kFloat);
  const at::Tensor exponent = at::arange(0, options_.head_dim, 2, at::kLong).to(at::kFloat) /
                              static_cast<double>(options_.head_dim);
  return (factor * at::pow(at::Scalar(options_.base), exponent)).reciprocal();
}

RotaryAngles RotaryTable::compute(int64_t positions, bool long_list) const {
  const at::Tensor position = at::arange(positions, at::kLong).to(at::kFloat);
  const at::Tensor angle = position.unsqueeze(1) * inverse_frequencies(long_list).unsqueeze(0);
  return {angle.cos() * scale(), angle.sin() * scale()};
}

RotaryAngles RotaryTable::angles(int64_t length, at::Device device) const {
  const std::lock_guard lock(mutex_);
  const bool long_list = uses_long_list(length);
  RotaryAngles& table = tables_.at(long_list ? 1 : 0);
  const int64_t held = table.cos.defined() ? table.cos.size(0) : 0;
  if (held < length || table.cos.device() != device) {
    const at::NoGradGuard no_grad;
    RotaryAngles fresh = compute(std::max(length, 2 * held), long_list);
    table = {fresh.cos.to(device), fresh.sin.to(device)};
  }
  return {table.cos.narrow(0, 0, length), table.sin.narrow(0, 0, length)};
}

void rotate_half_in_place(const at::Tensor& x_PD, const RotaryAngles& angles, Turn turn) {
  run_rotate(x_PD, x_PD, angles, turn);
}

at::Tensor rotate_half(const at::Tensor& x_PD, const RotaryAngles& angles) {
  TORCH_CHECK(angles.cos.size(0) == x_PD.size(0) && x_PD.size(1) % (2 * angles.cos.size(1)) == 0,
              "rotate_half: x is ", x_PD.sizes(), ", the angles are ", angles.cos.sizes());
  if (!has_row_kernels(x_PD)) return rotate_half_reference(x_PD, angles);
  return RotateHalf::apply(x_PD, angles.cos.contiguous(), angles.sin.contiguous());
}

}  // namespace omnigen::nn
