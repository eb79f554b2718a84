// Work split over torch's own threads.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

namespace omnigen::nn {

// Calls `work(begin, end)` for disjoint ranges that cover [0, count), each of at least `grain`
// items where possible. The calls run without autograd. `work` must not throw.
void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& work);

// True where the row kernels of this folder apply: CPU, float32 or bfloat16.
bool has_row_kernels(const at::Tensor& x);

// The kernels' backward passes cannot be differentiated again: better an error than a wrong
// gradient.
void require_first_order(const char* kernel);

}  // namespace omnigen::nn
