#include "train/step_profile.h"

#include <gtest/gtest.h>

#include "config/json_text.h"

namespace omnigen::train {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

util::SpanRecord span(const char* name, int64_t begin_ms, int64_t end_ms, int64_t parent,
                      double flop = 0.0) {
  return {name, begin_ms * kMillisecond, end_ms * kMillisecond, parent, flop};
}

// forward 0 to 10 with qkv 1 to 5 (adapter 2 to 3), backward 10 to 30 with a recomputation 12 to 16
// and qkv 16 to 26, optimizer 30 to 32.
std::vector<util::ThreadSpans> step() {
  return {{span("forward", 0, 10, -1), span("qkv", 1, 5, 0, 100), span("adapter", 2, 3, 1, 10),
           span("backward", 10, 30, -1), span("recompute", 12, 16, 3), span("qkv", 13, 15, 4, 100),
           span("qkv", 16, 26, 3, 200), span("optimizer", 30, 32, -1)}};
}

const PartCost& part(const std::vector<PartCost>& parts, const std::string& name) {
  for (const PartCost& found : parts) {
    if (found.name == name) return found;
  }
  throw std::runtime_error("no part " + name);
}

double ms(const PartCost& cost, Pass pass) {
  return 1e3 * cost.seconds[static_cast<size_t>(pass)];
}

TEST(StepProfile, TimeGoesToTheInnermostPartAndItsPass) {
  const auto parts = cost_by_part(step());
  const PartCost& qkv = part(parts, "qkv");
  EXPECT_NEAR(ms(qkv, Pass::kForward), 3, 1e-9);
  EXPECT_NEAR(ms(qkv, Pass::kBackward), 10, 1e-9);
  EXPECT_NEAR(ms(qkv, Pass::kRecompute), 2, 1e-9);
  EXPECT_EQ(qkv.flop, 400);
  EXPECT_NEAR(ms(part(parts, "adapter"), Pass::kForward), 1, 1e-9);
  EXPECT_EQ(part(parts, "adapter").flop, 10);
  EXPECT_NEAR(ms(part(parts, "optimizer"), Pass::kStep), 2, 1e-9);
  const PartCost& other = part(parts, "other");
  EXPECT_NEAR(ms(other, Pass::kForward), 6, 1e-9);
  EXPECT_NEAR(ms(other, Pass::kBackward), 6, 1e-9);
  EXPECT_NEAR(ms(other, Pass::kRecompute), 2, 1e-9);
  double total = 0;
  for (const PartCost& cost : parts) total += cost.total_s();
  EXPECT_NEAR(total, 0.032, 1e-12);
  EXPECT_EQ(parts.front().name, "qkv");  // the largest
}

TEST(StepProfile, ADevicesOwnThreadRunsTheBackwardPass) {
  const auto parts = cost_by_part({{}, {span("norm", 3, 5, -1)}});
  EXPECT_NEAR(ms(part(parts, "norm"), Pass::kBackward), 2, 1e-9);
}

TEST(StepProfile, TheTraceHasOneCompleteEventASpan) {
  const config::Json trace = config::Json::parse(chrome_trace(step(), 3));
  const config::Json& events = trace.at("traceEvents");
  ASSERT_EQ(events.size(), 8U);
  EXPECT_EQ(events[2].at("name"), "adapter");
  EXPECT_EQ(events[2].at("ph"), "X");
  EXPECT_EQ(events[2].at("ts"), 2000.0);
  EXPECT_EQ(events[2].at("dur"), 1000.0);
  EXPECT_EQ(events[2].at("pid"), 3);
  EXPECT_EQ(events[2].at("tid"), 0);
  EXPECT_EQ(events[2].at("args").at("GFLOP"), 1e-8);
}

}  // namespace
}  // namespace omnigen::train
