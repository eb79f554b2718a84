// Gradient clipping on the flat buffer.
#pragma once

#include <torch/types.h>

namespace omnigen::optim {

enum class ClipMethod { kValue, kNorm };

struct ClipOptions {
  ClipMethod method = ClipMethod::kValue;
  double limit = 0.0;  // 0: no clipping
};

// Clips in place: every element to ±limit, or the global L2 norm to limit (factor limit / (norm +
// 1e-6), at most 1). Returns what is logged, before clipping: the largest magnitude, or the norm.
// NaN stays NaN. Source: torch.nn.utils.clip_grad_value_, clip_grad_norm_.
double clip_gradients(at::Tensor& flat_gradients, const ClipOptions& options);

}  // namespace omnigen::optim
