#include "comm/single_group.h"

namespace omnigen::comm {

// The checks are those of the other backends: what fails on eight ranks fails on one.
void SingleGroup::all_reduce_sum(at::Tensor& tensor) {
  check_reducible(tensor);
}

void SingleGroup::broadcast(at::Tensor& tensor, int root) {
  check_root(root);
  check_contiguous(tensor);
}

std::string SingleGroup::broadcast_bytes(const std::string& bytes, int root) {
  check_root(root);
  return bytes;
}

}  // namespace omnigen::comm
