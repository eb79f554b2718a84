// How the samples of a global batch are shared out to ranks, and there to micro-batches.
#pragma once

#include <cstdint>
#include <vector>

namespace omnigen::data {

struct BatchShape {
  int64_t micro_batch = 1;  // train_batch_size, samples per rank and micro-step
  int64_t accumulation = 1;
  int64_t world_size = 1;
  int64_t most_tokens = 0;  // of a micro-batch, whatever the number of its samples; 0: no matter

  [[nodiscard]] int64_t global_batch() const { return micro_batch * accumulation * world_size; }
};

// Places in the global batch by rank and micro-batch; each is there once.
using Shares = std::vector<std::vector<std::vector<int64_t>>>;

// `costs`: predicted work of each sample of the global batch, in any unit. Rank r gets samples
// [r·E/P, (r+1)·E/P) in order where that is within 1 % of the quickest. Otherwise the costly ones
// are shared out first, each to the rank (and there to the micro-batch) with the least work so far
// (Graham 1969, SIAM J. Appl. Math. 17), then single ones change places while that helps: ranks
// may get different numbers of samples, and fewer micro-batches than `accumulation`.
// With `most_tokens` a rank's samples go into as few micro-batches as first-fit decreasing finds
// (Johnson 1974, SIAM J. Comput. 3), evenly filled where possible; a longer sample is alone.
// `tokens`: of each sample, then.
// The same on every rank.
Shares share_out(const std::vector<double>& costs, const BatchShape& shape,
                 const std::vector<double>& tokens = {});

// The rank with most work takes this many times the mean.
double imbalance(const Shares& shares, const std::vector<double>& costs);

}  // namespace omnigen::data
