// Work on many tensors of any sizes, shared out evenly over torch's threads.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace omnigen::optim {

// Calls `work(tensor, begin, end)` for parts of some thousand elements that cover [0,
// sizes[tensor]) of every tensor; a part begins at a multiple of 16 384. `work` must not throw.
void for_each_part(const std::vector<int64_t>& sizes,
                   const std::function<void(size_t tensor, int64_t begin, int64_t end)>& work);

}  // namespace omnigen::optim
