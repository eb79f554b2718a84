// Sums the flat gradient buffer over ranks: one all-reduce an optimizer step.
//
// The only place where gradients meet: overlap with backward would split the buffer here.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "comm/process_group.h"

namespace omnigen::comm {

class GradientReducer {
 public:
  explicit GradientReducer(ProcessGroup& group) : group_(group) {}

  // Sum over ranks, in place; losses were divided by the global batch, so the sum is the mean's
  // gradient. Collective.
  // Shapes: 1-d float32, the same number of elements on every rank and at every call.
  // Errors: CommError naming the ranks whose buffers differ in size (checked at the first call).
  void reduce(at::Tensor& flat_gradients);

  [[nodiscard]] int64_t num_steps() const { return num_steps_; }
  // Of the last reduce(): waiting for the slowest rank included.
  [[nodiscard]] double last_s() const { return last_s_; }

 private:
  void check_sizes(int64_t num_elements);

  ProcessGroup& group_;
  int64_t num_elements_ = -1;
  int64_t num_steps_ = 0;
  double last_s_ = 0.0;
};

}  // namespace omnigen::comm
