// Activation checkpointing: a segment's intermediate results are recomputed in backward.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

namespace omnigen::nn {

// Runs `segment(x)` without recording it and recomputes it in backward. `parameters` are the
// trained leaves that the segment uses; they get their gradients although the segment is not
// recorded.
at::Tensor checkpoint_segment(const std::function<at::Tensor(const at::Tensor&)>& segment,
                              const at::Tensor& x, const std::vector<at::Tensor>& parameters);

}  // namespace omnigen::nn
