// adamw_bf16's update of mode "intended" for many tensors in one pass over memory, on the CPU.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace omnigen::optim {

// One tensor; all of `count` elements, contiguous.
struct AdamWBf16Rows {
  at::Tensor value;     // float32 with bf16 values, or bf16
  at::Tensor gradient;  // float32
  at::Tensor exp_avg;   // bf16, as the next two
  at::Tensor exp_avg_sq;
  at::Tensor shift;
  uint64_t key = 0;         // of its random bits
  at::Tensor average = {};  // of the values, float32 (optim::Averages); undefined: none
};

struct AdamWBf16Factors {
  float beta1 = 0.0F;
  float beta2 = 0.0F;
  float eps = 0.0F;
  float rate = 0.0F;   // times the correction of the second moment
  float decay = 0.0F;  // rate · weight decay
  float average_weight = 0.0F;
};

// Whether the pass takes them: on the CPU, contiguous, of the dtypes above.
bool has_adamw_bf16_rows(const AdamWBf16Rows& rows);

// The random bits of element i are words 2·(i mod 2·16 ≥ 16) and the next of Philox4x32-10 with the
// key and the counter of its place, so that they do not depend on threads.
void adamw_bf16_rows(const std::vector<AdamWBf16Rows>& tensors, const AdamWBf16Factors& factors);

}  // namespace omnigen::optim
