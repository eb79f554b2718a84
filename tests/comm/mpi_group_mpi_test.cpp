#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "comm/mpi_group.h"
#include "support/mpi_main.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

class MpiGroupTest : public testing::Test {
 protected:
  Watchdog watchdog_{[](const std::string&) {}};
  MpiGroup group_{watchdog_};
  const int64_t size_ = group_.size();
};

TEST_F(MpiGroupTest, KnowsItsRanks) {
  EXPECT_EQ(group_.rank(), test::mpi_job().rank());
  EXPECT_EQ(group_.size(), test::mpi_job().size());
  EXPECT_GT(group_.size(), 1);
}

TEST_F(MpiGroupTest, SumsEveryDtypeAndSizeInPlace) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kLong}) {
    for (const int64_t numel : {0, 1, 7, 4096, 1'000'003}) {
      SCOPED_TRACE(testing::Message() << dtype << " x " << numel);
      const at::Tensor base = at::arange(numel, dtype).remainder_(1000);
      at::Tensor tensor = base + group_.rank();
      void* data = tensor.data_ptr();
      group_.all_reduce_sum(tensor);
      EXPECT_EQ(tensor.data_ptr(), data);
      EXPECT_TENSOR_EQ(tensor, base * size_ + size_ * (size_ - 1) / 2);
    }
  }
}

TEST_F(MpiGroupTest, GivesEveryRankTheSameBits) {
  at::Tensor tensor = at::sin(at::arange(100'003, at::kFloat) * (group_.rank() + 1));
  group_.all_reduce_sum(tensor);
  const std::string bytes(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes());
  EXPECT_EQ(bytes, group_.broadcast_bytes(bytes, 0));
}

TEST_F(MpiGroupTest, SumsTensorsInRankOrderAcrossSegments) {
  constexpr int64_t kNumel = (int64_t{1} << 24) + 5;  // one segment and a little
  const auto of_rank = [](int rank) {
    return at::sin(at::arange(kNumel, at::kFloat) * (rank + 1));
  };
  at::Tensor tensor = of_rank(group_.rank());
  group_.all_reduce_sum(tensor);
  at::Tensor expected = of_rank(0);
  for (int rank = 1; rank < size_; ++rank) expected += of_rank(rank);
  EXPECT_TENSOR_EQ(tensor, expected);
}

// Long ones first, so that later ones are through sooner; ranks look at them in other orders, and
// other collectives come between.
TEST_F(MpiGroupTest, StartedSumsGoOnBesideOtherCollectives) {
  for (int round = 0; round < 10; ++round) {
    std::vector<at::Tensor> tensors;
    std::vector<at::Tensor> expected;
    std::vector<std::unique_ptr<StartedSum>> sums;
    for (const int64_t numel : {1'000'003, 400'001, 7, 90'000, 1}) {
      const at::Tensor base = at::arange(numel, at::kFloat).remainder_(1000) + round;
      tensors.push_back(base + group_.rank());
      expected.push_back(base * size_ + size_ * (size_ - 1) / 2);
      sums.push_back(group_.start_all_reduce_sum(tensors.back()));
      for (int look = 0; look < group_.rank() * 20; ++look) sums.back()->advance();
    }
    EXPECT_EQ(group_.all_reduce_sum(1.0), static_cast<double>(size_));
    if (group_.rank() == 1) std::reverse(sums.begin(), sums.end());
    for (const auto& sum : sums) sum->wait();
    for (size_t i = 0; i < tensors.size(); ++i) EXPECT_TENSOR_EQ(tensors[i], expected[i]);
  }
}

TEST_F(MpiGroupTest, AStartedSumOverItsLimitIsAnError) {
  watchdog_.set_limits({.preparing_s = 0.3, .stepping_s = 0.3});
  if (group_.rank() == 0) {
    const at::Tensor alone = at::ones({8});
    EXPECT_THROW(group_.start_all_reduce_sum(alone)->wait(), util::CommError);
  }
  test::mpi_job().group().barrier();
}

TEST_F(MpiGroupTest, RefusesWhatCannotBeSummed) {
  at::Tensor half = at::zeros({2}, at::kBFloat16);
  EXPECT_THROW(group_.all_reduce_sum(half), c10::Error);
  at::Tensor transposed = at::zeros({2, 3}).t();
  EXPECT_THROW(group_.all_reduce_sum(transposed), c10::Error);
}

TEST_F(MpiGroupTest, BroadcastsAnyDtypeFromAnyRoot) {
  for (int root = 0; root < group_.size(); ++root) {
    for (const auto dtype : {at::kBFloat16, at::kByte, at::kBool, at::kFloat}) {
      const at::Tensor expected = at::arange(13, at::kLong).remainder(root + 2).to(dtype);
      at::Tensor tensor = group_.rank() == root ? expected.clone() : at::zeros_like(expected);
      group_.broadcast(tensor, root);
      EXPECT_TENSOR_EQ(tensor, expected);
    }
  }
}

TEST_F(MpiGroupTest, MovesBytesOfDifferentLengths) {
  const std::string mine(static_cast<size_t>(group_.rank()) * 1000, 'a');
  const auto all = group_.all_gather_bytes(mine);
  ASSERT_EQ(std::ssize(all), size_);
  for (int64_t rank = 0; rank < size_; ++rank) {
    EXPECT_EQ(all[static_cast<size_t>(rank)], std::string(static_cast<size_t>(rank) * 1000, 'a'));
  }
  EXPECT_EQ(group_.broadcast_bytes(mine, 1), std::string(1000, 'a'));
  EXPECT_EQ(group_.broadcast_bytes(std::string("\0x", 2), 0), std::string("\0x", 2));
  EXPECT_EQ(group_.broadcast_bytes(group_.is_root() ? "" : "not mine", 0), "");
}

TEST_F(MpiGroupTest, ReducesNumbers) {
  EXPECT_EQ(group_.all_reduce_max(-1.0 - group_.rank()), -1.0);
  EXPECT_EQ(group_.all_reduce_sum(0.5), 0.5 * static_cast<double>(size_));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(group_.all_reduce_max(group_.rank() == 1 ? nan : 5.0)));
}

TEST_F(MpiGroupTest, SumsNumbersInRankOrder) {
  const std::vector<double> values = {1e300, 1.0, -1e300, 0.0};
  const double sum = group_.all_reduce_sum(values[static_cast<size_t>(group_.rank())]);
  EXPECT_EQ(sum, size_ == 2 ? 1e300 : 0.0);
}

TEST_F(MpiGroupTest, Agrees) {
  EXPECT_TRUE(group_.all_agree(true));
  EXPECT_FALSE(group_.all_agree(group_.rank() != 1));
  EXPECT_TRUE(group_.any(group_.rank() == 1));
  EXPECT_FALSE(group_.any(false));
}

TEST_F(MpiGroupTest, ACollectiveOverItsLimitIsAnError) {
  watchdog_.set_limits({.preparing_s = 0.3, .stepping_s = 0.3});
  if (group_.rank() == 0) {  // the others never come to this barrier
    EXPECT_THROW(group_.barrier(), util::CommError);
  }
  test::mpi_job().group().barrier();
}

}  // namespace
}  // namespace omnigen::comm
