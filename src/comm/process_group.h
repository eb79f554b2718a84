// Collectives over the ranks of a job. Every member is collective unless it says otherwise.
//
// All ranks call the same members in the same order, from one thread.
// Errors: CommError on failure or when the watchdog's limit is passed.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace omnigen::comm {

// A sum that was started and goes on beside the caller's work.
class StartedSum {
 public:
  StartedSum() = default;
  virtual ~StartedSum() = default;  // without wait(): only where the job ends on an error
  StartedSum(const StartedSum&) = delete;
  StartedSum& operator=(const StartedSum&) = delete;

  // Takes it as far as it goes without waiting; true once it is complete. Not collective.
  virtual bool advance() = 0;
  // Returns when the tensor holds the sum. Collective.
  virtual void wait() = 0;
};

class ProcessGroup {
 public:
  ProcessGroup() = default;
  virtual ~ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  [[nodiscard]] virtual int rank() const = 0;  // not collective
  [[nodiscard]] virtual int size() const = 0;  // not collective
  [[nodiscard]] bool is_root() const { return rank() == 0; }

  // Sum over ranks, in place, on the group's device. dtype float32, float64 or int64, contiguous.
  virtual void all_reduce_sum(at::Tensor& tensor) = 0;
  // The same, started: the tensor is left alone until it is complete. Every rank starts the same
  // sums in the same order; other collectives may come between. Here: made in wait(), for groups
  // that have nothing better, so that every rank waits for them in the order of their start.
  virtual std::unique_ptr<StartedSum> start_all_reduce_sum(const at::Tensor& tensor);
  // Rank `root`'s values to everybody, in place. Any dtype, contiguous.
  virtual void broadcast(at::Tensor& tensor, int root) = 0;
  virtual void barrier() = 0;

  // Host data: never on the GPU, also under NCCL.
  virtual std::string broadcast_bytes(const std::string& bytes, int root) = 0;
  // Every rank's bytes, in rank order, on every rank.
  virtual std::vector<std::string> all_gather_bytes(const std::string& bytes) = 0;
  // NaN on any rank gives NaN on all.
  virtual double all_reduce_max(double value) = 0;
  // Summed in rank order: the same bits on every rank, and for every backend.
  virtual double all_reduce_sum(double value) = 0;

  // True if `value` is true on every rank.
  bool all_agree(bool value) { return all_reduce_max(value ? 0.0 : 1.0) == 0.0; }
  bool any(bool value) { return all_reduce_max(value ? 1.0 : 0.0) != 0.0; }

 protected:
  static void check_contiguous(const at::Tensor& tensor) {
    TORCH_CHECK(tensor.is_contiguous(), "collective on a tensor that is not contiguous: sizes ",
                tensor.sizes(), ", strides ", tensor.strides());
  }
  static void check_reducible(const at::Tensor& tensor) {
    check_contiguous(tensor);
    const auto dtype = tensor.scalar_type();
    TORCH_CHECK(dtype == at::kFloat || dtype == at::kDouble || dtype == at::kLong,
                "all_reduce_sum takes float32, float64 or int64, not ", dtype);
  }
  void check_root(int root) const {
    TORCH_CHECK(root >= 0 && root < size(), "root ", root, " of a group of ", size());
  }
};

}  // namespace omnigen::comm
