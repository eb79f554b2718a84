// Collectives of GPU tensors over NCCL; host data, and tensors in host memory, go over a host
// group. Built with CUDA only.
//
// Every wait polls the stream and NCCL's own errors, so that a collective over its limit becomes a
// CommError, and the communicator is aborted. Started sums have a stream of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "comm/process_group.h"
#include "comm/watchdog.h"

namespace omnigen::comm {

class NcclGroup final : public ProcessGroup {
 public:
  // Starts NCCL on this thread's current GPU, `device`, and proves it by one all-reduce.
  // Collective. Errors: CommError with host, device, network interfaces and advice if there is no
  // communicator within `init_limit_s`, or the sum is wrong.
  NcclGroup(std::unique_ptr<ProcessGroup> host_group, Watchdog& watchdog, int device,
            double init_limit_s);
  ~NcclGroup() override;

  [[nodiscard]] int rank() const override { return host_group_->rank(); }
  [[nodiscard]] int size() const override { return host_group_->size(); }

  void all_reduce_sum(at::Tensor& tensor) override;
  std::unique_ptr<StartedSum> start_all_reduce_sum(const at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  void barrier() override { host_group_->barrier(); }

  std::string broadcast_bytes(const std::string& bytes, int root) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override;
  double all_reduce_max(double value) override;
  double all_reduce_sum(double value) override;

 private:
  struct Impl;  // keeps nccl.h and CUDA out of this header
  class SumOnStream;

  void start(double init_limit_s);
  void prove();
  // Runs one NCCL call on the current stream and waits for its end.
  void run(const std::string& name, const std::function<int()>& call);
  // Brings one onto its stream. An error aborts.
  void enqueue(const Watchdog::Operation& operation, const std::string& name,
               const std::function<int()>& call);
  // `is_done` is asked until it is true. An error aborts.
  void wait_until(const Watchdog::Operation& operation, const std::string& name,
                  const std::function<bool()>& is_done);
  void wait_enqueued(const Watchdog::Operation& operation, const std::string& name);
  [[noreturn]] void fail(const std::string& name, int result);
  void abort();

  std::unique_ptr<ProcessGroup> host_group_;
  Watchdog& watchdog_;
  int device_;
  std::unique_ptr<Impl> impl_;
};

// "NCCL 2.28.9", of the library that is loaded.
std::string nccl_version();

}  // namespace omnigen::comm
