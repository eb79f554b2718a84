#include "train/start_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

namespace omnigen::train {
namespace {

TEST(StartTimes, NamesThePartsThatTookTime) {
  StartTimes times;
  times.add("model", 1.5);
  times.add("nothing", 0.001);
  times.add("trial steps", 2.25);
  const std::string line = times.line();
  EXPECT_THAT(line, ::testing::HasSubstr("model 1.50, trial steps 2.25"));
  EXPECT_THAT(line, ::testing::Not(::testing::HasSubstr("nothing")));
  std::smatch found;
  ASSERT_TRUE(std::regex_match(line, found, std::regex("ready after ([0-9.]+) s: .*"))) << line;
  EXPECT_GE(std::stod(found[1]), 3.75);  // and what the process took before
}

}  // namespace
}  // namespace omnigen::train
