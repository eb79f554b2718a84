#include "nn/attention_softmax.h"

#include <cmath>
#include <limits>

#include "nn/simd_math.h"

namespace omnigen::nn {
namespace {

using simd::kLanes;
using simd::Lanes;

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
OMNIGEN_LANES_INLINE void softmax(const SoftmaxRows<T>& a) {
  for (int64_t row = 0; row < a.count; ++row) {
    float* scores = a.scores + row * a.scores_stride;
    T* out = a.probabilities + row * a.stride;
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
                static_cast<size_t>(a.stride - limit) * sizeof(T));
  }
}

template <class T, class G>
OMNIGEN_LANES_INLINE void backward(const SoftmaxBackwardRows<T, G>& a) {
  for (int64_t row = 0; row < a.count; ++row) {
    const T* probabilities = a.probabilities + row * a.stride;
    const G* grad = a.grad + row * a.grad_stride;
    T* out = a.out + row * a.stride;
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
      simd::store_upto(out + c, a.keys - c, p * (g - total) * a.scale);
    }
    std::memset(static_cast<void*>(out + a.keys), 0,
                static_cast<size_t>(a.stride - a.keys) * sizeof(T));
  }
}

OMNIGEN_SIMD void run(const SoftmaxRows<float>& a) {
  softmax(a);
}
OMNIGEN_SIMD void run(const SoftmaxRows<at::BFloat16>& a) {
  softmax(a);
}
OMNIGEN_SIMD void run(const SoftmaxBackwardRows<float, float>& a) {
  backward(a);
}
OMNIGEN_SIMD void run(const SoftmaxBackwardRows<at::BFloat16, at::BFloat16>& a) {
  backward(a);
}
OMNIGEN_SIMD void run(const SoftmaxBackwardRows<at::BFloat16, float>& a) {
  backward(a);
}

}  // namespace

template <class T>
void softmax_rows(const SoftmaxRows<T>& rows) {
  run(rows);
}
template void softmax_rows(const SoftmaxRows<float>&);
template void softmax_rows(const SoftmaxRows<at::BFloat16>&);

template <class T, class G>
void softmax_backward_rows(const SoftmaxBackwardRows<T, G>& rows) {
  run(rows);
}
template void softmax_backward_rows(const SoftmaxBackwardRows<float, float>&);
template void softmax_backward_rows(const SoftmaxBackwardRows<at::BFloat16, at::BFloat16>&);
template void softmax_backward_rows(const SoftmaxBackwardRows<at::BFloat16, float>&);

}  // namespace omnigen::nn
