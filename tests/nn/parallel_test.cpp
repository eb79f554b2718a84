#include "nn/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

namespace omnigen::nn {
namespace {

std::vector<int> visits(int64_t count, int64_t grain) {
  std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
  });
  return {seen.begin(), seen.end()};
}

TEST(ParallelFor, EveryItemOnceAtAnyNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    for (const int64_t count : {0, 1, 2, 17, 100000}) {
      EXPECT_EQ(visits(count, 1), std::vector<int>(static_cast<size_t>(count), 1)) << count;
    }
  }
  at::set_num_threads(before);
}

TEST(ParallelFor, SmallWorkIsOneCall) {
  int calls = 0;
  parallel_for(10, 10, [&](int64_t begin, int64_t end) {
    ++calls;
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 10);
  });
  EXPECT_EQ(calls, 1);
}

TEST(ParallelFor, WorkRunsWithoutAutograd) {
  const at::Tensor x = at::ones({3}).requires_grad_();
  parallel_for(1, 1, [&](int64_t, int64_t) { EXPECT_FALSE((x * 2).requires_grad()); });
}

}  // namespace
}  // namespace omnigen::nn
