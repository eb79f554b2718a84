// Sums the flat gradient buffer over ranks, part by part while the backward pass still fills it.
//
// The buffer is cut into buckets from its end, where backward begins; each is started when every
// leaf in it is complete and those behind it are started: the same order on every rank, whatever
// its samples (PyTorch DDP, arXiv:2006.15704).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "comm/process_group.h"

namespace omnigen::comm {

class GradientReducer {
 public:
  // `leaf_sizes`: of what lies in the buffer, in order; empty: one that leaf_done() does not name.
  // `bucket_elements`: 0 cuts some dozens, of 1 to 32 MiB each.
  explicit GradientReducer(ProcessGroup& group, const std::vector<int64_t>& leaf_sizes = {},
                           int64_t bucket_elements = 0);

  // Sum over ranks, in place; losses were divided by the global batch, so the sum is the mean's
  // gradient. Collective.
  // Shapes: 1-d float32, the same number of elements on every rank and at every call.
  // Errors: CommError naming the ranks whose buffers differ in size (checked at the first call).
  void reduce(const at::Tensor& flat_gradients);

  // The same in three: begin() before the last backward pass of a step, leaf_done() for every leaf
  // that this pass has added to, from its thread, and finish(). begin() and finish() are
  // collective.
  void begin(const at::Tensor& flat_gradients);
  void leaf_done(size_t leaf);
  void finish();

  [[nodiscard]] int64_t num_steps() const { return num_steps_; }
  // Of the last finish(): waiting for the slowest rank included.
  [[nodiscard]] double last_s() const { return last_s_; }
  // Of the last step: how many buckets were on their way before finish().
  [[nodiscard]] int64_t started_early() const { return started_early_; }

 private:
  // Elements [begin, end) of the buffer.
  struct Bucket {
    int64_t begin = 0;
    int64_t end = 0;
    int64_t open = 0;  // leaves in it that are not complete
  };
  struct Started {
    std::unique_ptr<StartedSum> sum;
    int64_t elements = 0;
  };

  void check_sizes(int64_t num_elements);
  void cut(int64_t num_elements);
  // Starts buckets in their order as far as they are complete and not too many are on their way.
  void start_complete();
  void start_next();
  void forget_first();

  ProcessGroup& group_;
  std::vector<std::pair<int64_t, int64_t>> leaves_;  // [begin, end)
  int64_t bucket_elements_;
  at::Tensor flat_;
  std::vector<Bucket> buckets_;  // from the buffer's end
  std::vector<bool> is_done_;    // by leaf
  size_t next_ = 0;              // the first that is not started
  std::deque<Started> on_their_way_;
  int64_t elements_on_their_way_ = 0;
  int64_t num_elements_ = -1;
  int64_t num_steps_ = 0;
  int64_t started_early_ = 0;
  double last_s_ = 0.0;
};

}  // namespace omnigen::comm
