#include "cache/ordered_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace omnigen::cache {
namespace {

TEST(OrderedPool, GivesResultsInOrder) {
  OrderedPool<int64_t> pool(
      50,
      [](int64_t i) {
        std::this_thread::sleep_for(std::chrono::microseconds((i * 37) % 11 * 100));
        return i * i;
      },
      4, 8);
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(pool.next(), i * i);
}

TEST(OrderedPool, DoesNotRunFurtherAheadThanAllowed) {
  std::atomic<int64_t> started = 0;
  OrderedPool<int64_t> pool(
      100,
      [&](int64_t i) {
        ++started;
        return i;
      },
      4, 5);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(started.load(), 5);
  pool.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_LE(started.load(), 6);
}

TEST(OrderedPool, ThrowsInPlaceOfTheResult) {
  OrderedPool<int> pool(
      3, [](int64_t i) { return i == 1 ? throw std::runtime_error("one") : static_cast<int>(i); },
      2, 4);
  EXPECT_EQ(pool.next(), 0);
  EXPECT_THROW(pool.next(), std::runtime_error);
  EXPECT_EQ(pool.next(), 2);
}

TEST(OrderedPool, CanBeLeftEarly) {
  OrderedPool<int64_t> pool(
      1000, [](int64_t i) { return i; }, 3, 6);
  EXPECT_EQ(pool.next(), 0);
}

}  // namespace
}  // namespace omnigen::cache
