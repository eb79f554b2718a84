#include "util/profile.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace omnigen::util {
namespace {

TEST(Profile, SpansNestAndKeepTheirOwnArithmetic) {
  start_profile({});
  {
    const Span outer("outer");
    count_flop(1);
    {
      const Span inner("inner");
      count_flop(10);
    }
    const Span second("second");
    count_flop(100);
  }
  const auto threads = stop_profile();
  ASSERT_EQ(threads.size(), 1U);
  const ThreadSpans& spans = threads[0];
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_STREQ(spans[0].name, "outer");
  EXPECT_EQ(spans[0].parent, -1);
  EXPECT_EQ(spans[1].parent, 0);
  EXPECT_EQ(spans[2].parent, 0);
  EXPECT_EQ(spans[0].flop, 1);
  EXPECT_EQ(spans[1].flop, 10);
  EXPECT_EQ(spans[2].flop, 100);
  EXPECT_LE(spans[0].begin_ns, spans[1].begin_ns);
  EXPECT_LE(spans[1].begin_ns, spans[1].end_ns);
  EXPECT_LE(spans[1].end_ns, spans[2].begin_ns);
  EXPECT_LE(spans[2].end_ns, spans[0].end_ns);
}

TEST(Profile, NothingIsKeptWhileItIsOff) {
  {
    const Span before("before");
    count_flop(5);
  }
  start_profile({});
  const auto threads = stop_profile();
  ASSERT_EQ(threads.size(), 1U);
  EXPECT_TRUE(threads[0].empty());
}

TEST(Profile, EveryThreadHasItsOwnListAndTheStartersIsFirst) {
  start_profile({});
  std::thread([] {
    const Span other("other");
    count_flop(3);
  }).join();
  { const Span mine("mine"); }
  const auto threads = stop_profile();
  ASSERT_EQ(threads.size(), 2U);
  EXPECT_STREQ(threads[0].at(0).name, "mine");
  EXPECT_STREQ(threads[1].at(0).name, "other");
  EXPECT_EQ(threads[1].at(0).parent, -1);
}

TEST(Profile, TheBarrierIsCalledAtBothEnds) {
  int calls = 0;
  start_profile([&] { ++calls; });
  { const Span span("span"); }
  stop_profile();
  EXPECT_EQ(calls, 2);
  { const Span later("later"); }
  EXPECT_EQ(calls, 2);
}

TEST(Profile, ASecondOneBeginsEmpty) {
  start_profile({});
  { const Span span("first"); }
  stop_profile();
  start_profile({});
  { const Span span("second"); }
  const auto threads = stop_profile();
  ASSERT_EQ(threads.size(), 1U);
  ASSERT_EQ(threads[0].size(), 1U);
  EXPECT_STREQ(threads[0][0].name, "second");
}

}  // namespace
}  // namespace omnigen::util
