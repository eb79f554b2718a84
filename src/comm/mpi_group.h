// Collectives over MPI, for tensors in host memory; those on a GPU travel through host memory.
//
// Every wait polls a non-blocking collective, so that one over its limit becomes a CommError. What
// was started moves on when MPI is called: in StartedSum::advance().
#pragma once

#include <memory>

#include "comm/process_group.h"
#include "comm/watchdog.h"

namespace omnigen::comm {

class MpiGroup final : public ProcessGroup {
 public:
  // All ranks of MPI_COMM_WORLD, on a communicator of its own. MPI must be initialised. Collective.
  explicit MpiGroup(Watchdog& watchdog);
  ~MpiGroup() override;

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }

  void all_reduce_sum(at::Tensor& tensor) override;
  std::unique_ptr<StartedSum> start_all_reduce_sum(const at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  void barrier() override;

  std::string broadcast_bytes(const std::string& bytes, int root) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override;
  double all_reduce_max(double value) override;
  double all_reduce_sum(double value) override;

 private:
  struct Impl;  // keeps mpi.h out of this header
  class SumByParts;

  void broadcast_raw(void* data, size_t num_bytes, int root);
  std::vector<double> gather_doubles(double value, const char* name);
  std::vector<int64_t> gather_sizes(int64_t num_bytes);

  Watchdog& watchdog_;
  std::unique_ptr<Impl> impl_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace omnigen::comm
