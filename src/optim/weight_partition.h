// Which rank keeps what of a model's optimizer state: whole tensors, shared out by size.
#pragma once

#include <cstdint>
#include <vector>

namespace omnigen::optim {

// The owner of every tensor. Largest first, each to the rank that has the least so far, so that no
// two ranks differ by more than one tensor's size; a function of its arguments alone.
std::vector<int> partition(const std::vector<int64_t>& sizes, int num_ranks);

}  // namespace omnigen::optim
