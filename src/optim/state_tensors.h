// Saved state into the tensors that hold it.
#pragma once

#include <torch/types.h>

#include <map>
#include <string>

namespace omnigen::optim {

// Copies every tensor of `saved` into its namesake. Errors: DataError for the first missing,
// unexpected or mis-shaped one; `what` names the state.
void copy_state(const std::map<std::string, at::Tensor>& saved,
                std::map<std::string, at::Tensor>& own, const std::string& what);

}  // namespace omnigen::optim
