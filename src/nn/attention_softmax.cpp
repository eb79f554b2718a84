#include "nn/attention_softmax.h"

#include <cmath>
#include <limits>

#include "nn/simd_math.h"

namespace omnigen::nn {
namespace {

using simd::kLanes;
using simd::Lanes;

template <class T>
struct Rows {
  float* scores;
  T* probabilities;
  const int64_t* limits;
  float* log_sum;
  int64_t count;
  int64_t keys;
  float scale;
  bool known;
};

OMNIGEN_LANES_INLINE float row_maximum(const float* scores, int64_t limit) {
  float best = -std::numeric_limits<float>::infinity();
  int64_t c = 0;
  if (limit >= kLanes) {
    Lanes lanes;
    simd::load(scores, lanes);
    for (c = kLanes; c + kLanes <= limit; c += kLanes) {
      Lanes x;
      simd::load(scores + c, x);
      lanes = x > lanes ? x : lanes;
    }
    best = simd::maximum(lanes);
  }
  for (; c < limit; ++c) best = scores[c] > best ? scores[c] : best;
  return best;
}

// scores[c] <- exp(scores[c] · scale - shift) below the limit, 0 above; returns the sum.
OMNIGEN_LANES_INLINE float exponentiate(float* scores, int64_t limit, float scale, float shift) {
  Lanes total{};
  int64_t c = 0;
  for (; c + kLanes <= limit; c += kLanes) {
    Lanes x;
    simd::load(scores + c, x);
    simd::exponential(x * scale - shift, x);
    simd::store(scores + c, x);
    total += x;
  }
  if (c < limit) {
    Lanes x;
    simd::load_part(scores + c, limit - c, x);
    simd::exponential(x * scale - shift, x);
    for (int64_t i = limit - c; i < kLanes; ++i) x[i] = 0.0F;
    simd::store_part(scores + c, limit - c, x);
    total += x;
  }
  return simd::sum(total);
}

template <class T>
OMNIGEN_LANES_INLINE void softmax(const Rows<T>& a) {
  for (int64_t row = 0; row < a.count; ++row) {
    float* scores = a.scores + row * a.keys;
    T* out = a.probabilities + row * a.keys;
    const int64_t limit = a.limits[row];
    float factor = 1.0F;
    if (a.known) {
      exponentiate(scores, limit, a.scale, a.log_sum[row]);
    } else {
      const float shift = row_maximum(scores, limit) * a.scale;
      const float total = exponentiate(scores, limit, a.scale, shift);
      a.log_sum[row] = shift + std::log(total);
      factor = 1.0F / total;
    }
    for (int64_t c = 0; c < limit; c += kLanes) {
      Lanes x;
      simd::load_upto(scores + c, limit - c, x);
      simd::store_upto(out + c, limit - c, x * factor);
    }
    std::memset(static_cast<void*>(out + limit), 0,
                static_cast<size_t>(a.keys - limit) * sizeof(T));
  }
}

template <class T>
struct BackwardRows {
  const T* probabilities;
  T* grad;
  int64_t count;
  int64_t keys;
  float scale;
};

template <class T>
OMNIGEN_LANES_INLINE void backward(const BackwardRows<T>& a) {
  for (int64_t row = 0; row < a.count; ++row) {
    const T* probabilities = a.probabilities + row * a.keys;
    T* grad = a.grad + row * a.keys;
    Lanes products{};
    for (int64_t c = 0; c < a.keys; c += kLanes) {
      Lanes p;
      Lanes g;
      simd::load_upto(probabilities + c, a.keys - c, p);
      simd::load_upto(grad + c, a.keys - c, g);
      products += p * g;
    }
    const float total = simd::sum(products);
    for (int64_t c = 0; c < a.keys; c += kLanes) {
      Lanes p;
      Lanes g;
      simd::load_upto(probabilities + c, a.keys - c, p);
      simd::load_upto(grad + c, a.keys - c, g);
      simd::store_upto(grad + c, a.keys - c, p * (g - total) * a.scale);
    }
  }
}

OMNIGEN_SIMD void softmax_float(const Rows<float>& a) {
  softmax(a);
}
OMNIGEN_SIMD void softmax_bfloat16(const Rows<at::BFloat16>& a) {
  softmax(a);
}
OMNIGEN_SIMD void backward_float(const BackwardRows<float>& a) {
  backward(a);
}
OMNIGEN_SIMD void backward_bfloat16(const BackwardRows<at::BFloat16>& a) {
  backward(a);
}

template <class T>
Rows<T> rows_of(const SoftmaxRows& rows) {
  return {rows.scores.data_ptr<float>(),
          rows.probabilities.data_ptr<T>(),
          rows.limits,
          rows.log_sum,
          rows.scores.size(0),
          rows.scores.size(1),
          rows.scale,
          rows.known};
}

template <class T>
BackwardRows<T> backward_rows_of(const at::Tensor& probabilities, const at::Tensor& grad,
                                 float scale) {
  return {probabilities.const_data_ptr<T>(), grad.data_ptr<T>(), grad.size(0), grad.size(1), scale};
}

}  // namespace

void softmax_rows(const SoftmaxRows& rows) {
  if (rows.probabilities.scalar_type() == at::kFloat) {
    softmax_float(rows_of<float>(rows));
  } else {
    softmax_bfloat16(rows_of<at::BFloat16>(rows));
  }
}

void softmax_backward_rows(const at::Tensor& probabilities, const at::Tensor& grad, float scale) {
  if (grad.scalar_type() == at::kFloat) {
    backward_float(backward_rows_of<float>(probabilities, grad, scale));
  } else {
    backward_bfloat16(backward_rows_of<at::BFloat16>(probabilities, grad, scale));
  }
}

}  // namespace omnigen::nn
