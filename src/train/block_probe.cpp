#include "train/block_probe.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "train/allocation_meter.h"
#include "util/stopwatch.h"

namespace omnigen::train {
namespace {

constexpr int kTries = 5;
constexpr int kLeastTries = 2;
constexpr double kEnough_s = 2.0;  // of tries of both depths

}  // namespace

BlockProbe::Passes BlockProbe::run(int64_t num_blocks) const {
  const AllocationMeter meter(transformer.device());
  const util::Stopwatch watch;
  Passes passes;
  at::Tensor loss = at::zeros({}, at::device(transformer.device()));
  for (const at::Tensor& velocity : transformer.forward(batch, num_blocks)) {
    loss = loss + velocity.square().mean();
  }
  passes.kept = meter.alive();
  torch::autograd::backward({loss}, {});
  static_cast<void>(loss.item<double>());  // waits for a device
  passes.seconds = watch.elapsed_s();
  passes.peak = meter.peak();
  return passes;
}

// The first runs, which make kernels, buffers and tables that stay, do not count. One and two
// blocks by turns: what slows the machine for a moment must not fall on one of them alone.
std::pair<BlockProbe::Passes, BlockProbe::Passes> BlockProbe::least_of_some(int64_t depth) const {
  const util::Stopwatch watch;
  static_cast<void>(run(1));
  static_cast<void>(run(depth));
  Passes one = run(1);
  Passes two = run(depth);
  for (int i = 1; i < kTries && (i < kLeastTries || watch.elapsed_s() < kEnough_s); ++i) {
    one.seconds = std::min(one.seconds, run(1).seconds);
    two.seconds = std::min(two.seconds, run(depth).seconds);
  }
  return {one, two};
}

LevelCost BlockProbe::measure(model::Recompute level) const {
  const int64_t depth = std::min<int64_t>(2, transformer.config().num_layers);
  transformer.set_recompute(std::vector<model::Recompute>(static_cast<size_t>(depth), level),
                            leaves_of_block);
  const auto [one, two] = least_of_some(depth);
  const double further_s = std::max(0.0, two.seconds - one.seconds);  // of a model of one block: 0
  return {one.seconds, further_s, two.kept - one.kept, two.peak};
}

}  // namespace omnigen::train
