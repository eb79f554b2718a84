#include "train/allocation_meter.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

namespace omnigen::train {
namespace {

constexpr int64_t kElements = 1000;
constexpr int64_t kBytes = 4 * kElements;

TEST(AllocationMeter, CountsWhatIsAliveAndTheMostOfIt) {
  const AllocationMeter meter(at::kCPU);
  EXPECT_EQ(meter.alive(), 0);
  const at::Tensor first = at::empty({kElements});
  {
    const at::Tensor second = at::empty({2 * kElements});
    EXPECT_EQ(meter.alive(), 3 * kBytes);
  }
  EXPECT_EQ(meter.alive(), kBytes);
  EXPECT_EQ(meter.peak(), 3 * kBytes);
}

TEST(AllocationMeter, SeesTheBackwardPass) {
  const at::Tensor x = at::ones({kElements}).requires_grad_();
  x.mutable_grad() = at::zeros({kElements});
  const AllocationMeter meter(at::kCPU);
  const at::Tensor loss = x.exp().sum();
  const int64_t kept = meter.alive();
  EXPECT_GE(kept, kBytes);  // the exponential
  torch::autograd::backward({loss}, {});
  EXPECT_GE(meter.peak(), kept + kBytes);  // the gradient of the sum
  EXPECT_LT(meter.alive(), kBytes);
}

TEST(AllocationMeter, OfAnotherDeviceSeesNothing) {
  const AllocationMeter meter(at::kCUDA);
  const at::Tensor x = at::empty({kElements});
  EXPECT_EQ(meter.peak(), 0);
}

}  // namespace
}  // namespace omnigen::train
