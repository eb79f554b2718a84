// Softmax over a prefix of every row, and its derivative: the row kernels of attention.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace omnigen::nn {

// Row r of `scores` [count, keys] is multiplied by `scale` and normalised over its first limits[r]
// columns; the others, up to the stride of `probabilities`, become 0. The probabilities may be the
// scores themselves. `log_sum` [count]: with `known` false it is written, with true it is used
// instead of maximum and sum. T: float or at::BFloat16.
template <class T>
struct SoftmaxRows {
  int64_t count = 0;
  float* scores = nullptr;
  int64_t scores_stride = 0;
  T* probabilities = nullptr;
  int64_t stride = 0;
  const int64_t* limits = nullptr;
  float* log_sum = nullptr;
  float scale = 1.0F;
  bool known = false;
};
template <class T>
void softmax_rows(const SoftmaxRows<T>& rows);

// probabilities · (grad - sum(probabilities · grad)) · scale, row by row, into `out`, which may be
// the grad itself and has the stride of the probabilities; columns behind `keys` become 0. G: T or
// float.
template <class T, class G>
struct SoftmaxBackwardRows {
  int64_t count = 0;
  int64_t keys = 0;
  const T* probabilities = nullptr;
  int64_t stride = 0;
  const G* grad = nullptr;
  int64_t grad_stride = 0;
  T* out = nullptr;
  float scale = 1.0F;
};
template <class T, class G>
void softmax_backward_rows(const SoftmaxBackwardRows<T, G>& rows);

}  // namespace omnigen::nn
