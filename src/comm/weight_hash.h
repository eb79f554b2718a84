// Proof that ranks train the same weights: one hash per tensor, compared over ranks.
//
// Catches the silent bug of data-parallel training, an adapter whose gradients are never reduced.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "comm/process_group.h"

namespace omnigen::comm {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// XXH3 of dtype, sizes and bytes, in index order whatever the strides.
uint64_t weight_hash(const at::Tensor& tensor);

// Errors: CommError, on every rank the same, naming step, tensor and the ranks that hold another
// value than most, or another set of tensors. Collective.
void check_equal_weights(ProcessGroup& group, const NamedTensors& weights, int64_t step);

}  // namespace omnigen::comm
