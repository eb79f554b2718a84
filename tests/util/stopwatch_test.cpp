#include "util/stopwatch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace omnigen::util {
namespace {

TEST(Stopwatch, ElapsedGrows) {
  const Stopwatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double first_s = watch.elapsed_s();
  EXPECT_GE(first_s, 0.02);
  EXPECT_GE(watch.elapsed_s(), first_s);
}

TEST(Stopwatch, LapStartsAgain) {
  Stopwatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GE(watch.lap_s(), 0.05);
  EXPECT_LT(watch.elapsed_s(), 0.05);
}

}  // namespace
}  // namespace omnigen::util
