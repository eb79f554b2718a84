// Averages that follow their parameters, all tensors in one pass over memory.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

// s ← s − weight · (s − p), each operation rounded to float32. `parameters` of any float dtype, in
// the averages' order and of their sizes.
void follow(const Averages& averages, const std::vector<at::Tensor>& parameters);

}  // namespace omnigen::optim
