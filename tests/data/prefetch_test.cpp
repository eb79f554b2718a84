#include "data/prefetch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace omnigen::data {
namespace {

TEST(Prefetch, KeepsTheOrderOfProduction) {
  int next = 0;
  Prefetch<int> prefetch([&next] { return next++; }, 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(prefetch.next(), i);
}

TEST(Prefetch, RunsNoFurtherAheadThanItsDepth) {
  std::atomic<int> produced = 0;
  Prefetch<int> prefetch([&produced] { return produced++; }, 4);
  prefetch.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(produced.load(), 6);  // one taken, four queued, one in the making
}

TEST(Prefetch, ThrowsTheProducersErrorInItsPlace) {
  int next = 0;
  Prefetch<int> prefetch(
      [&next] {
        if (next == 2) throw std::runtime_error("no third item");
        return next++;
      },
      8);
  EXPECT_EQ(prefetch.next(), 0);
  EXPECT_EQ(prefetch.next(), 1);
  EXPECT_THROW(prefetch.next(), std::runtime_error);
}

TEST(Prefetch, EndsWhileItsQueueIsFull) {
  Prefetch<int> prefetch([] { return 1; }, 2);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace omnigen::data
