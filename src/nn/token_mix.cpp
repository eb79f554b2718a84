// T tokens; M, N rows of a token and P columns of a row, behind and before the mix.
#include "nn/token_mix.h"

#include <algorithm>
#include <vector>

#include "nn/parallel.h"
#include "nn/simd.h"

namespace omnigen::nn {
namespace {

using simd::kLanes;
using simd::Lanes;

// Above, a batched product is as fast or faster.
constexpr int64_t kMaxElements = 64;
constexpr int64_t kTokensPerTask = 64;

template <class T>
struct Tokens {
  const T* x;          // [T, N, P]
  const T* y;          // [T, M, P]; gradient only
  const float* small;  // [M, N]; mix only
  T* out;              // [T, M, P]; mix only
  int64_t m;
  int64_t n;
  int64_t p;
  bool add;
};

OMNIGEN_LANES_INLINE int64_t padded(int64_t columns) {
  return (columns + kLanes - 1) / kLanes * kLanes;
}

// Rows as float32, each padded with zeros to whole lanes.
template <class T>
OMNIGEN_LANES_INLINE void widen(const T* rows, int64_t count, int64_t p, float* wide) {
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t c = 0; c < p; c += kLanes) {
      Lanes x;
      simd::load_upto(rows + r * p + c, p - c, x);
      simd::store(wide, x);
      wide += kLanes;
    }
  }
}

// One row of a token's result.
template <class T>
OMNIGEN_LANES_INLINE void mix_row(const Tokens<T>& a, const float* factors, const float* wide,
                                  int64_t stride, T* out) {
  for (int64_t c = 0; c < a.p; c += kLanes) {
    Lanes sum{};
    if (a.add) simd::load_upto(out + c, a.p - c, sum);
    for (int64_t n = 0; n < a.n; ++n) {
      Lanes x;
      simd::load(wide + n * stride + c, x);
      sum += factors[n] * x;
    }
    simd::store_upto(out + c, a.p - c, sum);
  }
}

template <class T>
OMNIGEN_LANES_INLINE void mix_tokens(const Tokens<T>& a, int64_t begin, int64_t end, float* wide) {
  const int64_t stride = padded(a.p);
  for (int64_t t = begin; t < end; ++t) {
    widen(a.x + t * a.n * a.p, a.n, a.p, wide);
    for (int64_t m = 0; m < a.m; ++m) {
      mix_row(a, a.small + m * a.n, wide, stride, a.out + (t * a.m + m) * a.p);
    }
  }
}

// Adds x · y to the lanes at `sum`.
OMNIGEN_LANES_INLINE void add_products(const float* x, const float* y, int64_t count, float* sum) {
  Lanes total;
  simd::load(sum, total);
  for (int64_t c = 0; c < count; c += kLanes) {
    Lanes a;
    Lanes b;
    simd::load(x + c, a);
    simd::load(y + c, b);
    total += a * b;
  }
  simd::store(sum, total);
}

// Adds to `sums` [M, N, kLanes].
template <class T>
OMNIGEN_LANES_INLINE void sum_products(const Tokens<T>& a, int64_t begin, int64_t end, float* wide,
                                       float* sums) {
  const int64_t stride = padded(a.p);
  float* wide_y = wide + a.n * stride;
  for (int64_t t = begin; t < end; ++t) {
    widen(a.x + t * a.n * a.p, a.n, a.p, wide);
    widen(a.y + t * a.m * a.p, a.m, a.p, wide_y);
    for (int64_t m = 0; m < a.m; ++m) {
      for (int64_t n = 0; n < a.n; ++n) {
        add_products(wide + n * stride, wide_y + m * stride, stride, sums + (m * a.n + n) * kLanes);
      }
    }
  }
}

OMNIGEN_SIMD void mix_float(const Tokens<float>& a, int64_t begin, int64_t end, float* wide) {
  mix_tokens(a, begin, end, wide);
}
OMNIGEN_SIMD void mix_bfloat16(const Tokens<at::BFloat16>& a, int64_t begin, int64_t end,
                               float* wide) {
  mix_tokens(a, begin, end, wide);
}
OMNIGEN_SIMD void gradient_float(const Tokens<float>& a, int64_t begin, int64_t end, float* wide,
                                 float* sums) {
  sum_products(a, begin, end, wide, sums);
}
OMNIGEN_SIMD void gradient_bfloat16(const Tokens<at::BFloat16>& a, int64_t begin, int64_t end,
                                    float* wide, float* sums) {
  sum_products(a, begin, end, wide, sums);
}

template <class T>
void run_mix(void (*kernel)(const Tokens<T>&, int64_t, int64_t, float*), const at::Tensor& small,
             const at::Tensor& x, const at::Tensor& out, bool add) {
  const Tokens<T> tokens{x.const_data_ptr<T>(),
                         nullptr,
                         small.const_data_ptr<float>(),
                         out.data_ptr<T>(),
                         small.size(0),
                         small.size(1),
                         x.size(2),
                         add};
  parallel_for(x.size(0), kTokensPerTask, [&](int64_t begin, int64_t end) {
    std::vector<float> wide(static_cast<size_t>(tokens.n * padded(tokens.p)));
    kernel(tokens, begin, end, wide.data());
  });
}

// One partial sum for every kTokensPerTask tokens.
template <class T>
at::Tensor run_gradient(void (*kernel)(const Tokens<T>&, int64_t, int64_t, float*, float*),
                        const at::Tensor& y, const at::Tensor& x) {
  const int64_t count = x.size(0);
  const Tokens<T> tokens{x.const_data_ptr<T>(),
                         y.const_data_ptr<T>(),
                         nullptr,
                         nullptr,
                         y.size(1),
                         x.size(1),
                         x.size(2),
                         false};
  const int64_t parts = (count + kTokensPerTask - 1) / kTokensPerTask;
  const at::Tensor partial =
      at::zeros({parts, tokens.m, tokens.n, kLanes}, x.options().dtype(at::kFloat));
  const int64_t partial_size = tokens.m * tokens.n * kLanes;
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> wide(static_cast<size_t>((tokens.m + tokens.n) * padded(tokens.p)));
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = part * kTokensPerTask;
      kernel(tokens, first, std::min(first + kTokensPerTask, count), wide.data(),
             partial.data_ptr<float>() + part * partial_size);
    }
  });
  at::Tensor result = at::empty({tokens.m, tokens.n}, partial.options());
  for (int64_t i = 0; i < tokens.m * tokens.n; ++i) {
    Lanes total{};
    for (int64_t part = 0; part < parts; ++part) {
      Lanes sum;
      simd::load(partial.const_data_ptr<float>() + part * partial_size + i * kLanes, sum);
      total += sum;
    }
    result.data_ptr<float>()[i] = simd::sum(total);
  }
  return result;
}

}  // namespace

bool has_token_mix(const at::Tensor& small_MN, const at::Tensor& x_TNP) {
  return small_MN.numel() <= kMaxElements && has_row_kernels(x_TNP);
}

void token_mix(const at::Tensor& small_MN, const at::Tensor& x_TNP, const at::Tensor& out_TMP,
               MixInto into) {
  const bool add = into == MixInto::kAdd;
  if (x_TNP.scalar_type() == at::kFloat) {
    run_mix<float>(mix_float, small_MN, x_TNP, out_TMP, add);
  } else {
    run_mix<at::BFloat16>(mix_bfloat16, small_MN, x_TNP, out_TMP, add);
  }
}

at::Tensor token_mix_gradient(const at::Tensor& y_TMP, const at::Tensor& x_TNP) {
  return x_TNP.scalar_type() == at::kFloat
             ? run_gradient<float>(gradient_float, y_TMP, x_TNP)
             : run_gradient<at::BFloat16>(gradient_bfloat16, y_TMP, x_TNP);
}

}  // namespace omnigen::nn
