// The group of one rank: every collective is the identity.
#pragma once

#include "comm/process_group.h"

namespace omnigen::comm {

class SingleGroup : public ProcessGroup {
 public:
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 1; }

  void all_reduce_sum(at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  void barrier() override {}

  std::string broadcast_bytes(const std::string& bytes, int root) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override { return {bytes}; }
  double all_reduce_max(double value) override { return value; }
  double all_reduce_sum(double value) override { return value; }
};

}  // namespace omnigen::comm
