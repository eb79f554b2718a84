#include "train/block_probe.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "train/allocation_meter.h"
#include "util/stopwatch.h"

namespace omnigen::train {
namespace {

constexpr int kTries = 5;
constexpr double kEnough_s = 1.0;  // of tries

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

// The first run, which makes kernels, buffers and tables that stay, does not count.
BlockProbe::Passes BlockProbe::least_of_some(int64_t num_blocks) const {
  const util::Stopwatch watch;
  static_cast<void>(run(num_blocks));
  Passes least = run(num_blocks);
  for (int i = 1; i < kTries && watch.elapsed_s() < kEnough_s; ++i) {
    least.seconds = std::min(least.seconds, run(num_blocks).seconds);
  }
  return least;
}

LevelCost BlockProbe::measure(model::Recompute level) const {
  const int64_t depth = std::min<int64_t>(2, transformer.config().num_layers);
  transformer.set_recompute(std::vector<model::Recompute>(static_cast<size_t>(depth), level),
                            leaves_of_block);
  const Passes one = least_of_some(1);
  const Passes two = depth == 2 ? least_of_some(2) : one;
  return {one.seconds, two.seconds - one.seconds, two.kept - one.kept, two.peak};
}

}  // namespace omnigen::train
