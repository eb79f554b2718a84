#include "train/command_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

using ::testing::HasSubstr;

TEST(CommandTracker, CommandReadsOneObjectALine) {
  const test::TempDir dir;
  CommandTracker tracker("cat", dir / "log");
  tracker.scalars(1, {{"train_loss", 0.5}});
  tracker.image({"cat - 64x64", 2, "png", 64, 64, "A cat"});
  tracker.finish();
  std::istringstream lines(io::read_file(dir / "log"));
  std::string first;
  std::string second;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(nlohmann::json::parse(first),
            (nlohmann::json{{"step", 1}, {"values", {{"train_loss", 0.5}}}}));
  EXPECT_EQ(nlohmann::json::parse(second).at("image").at("tag"), "cat - 64x64");
}

TEST(CommandTracker, CommandThatEndsIsAWarning) {
  const test::TempDir dir;
  ::testing::internal::CaptureStderr();
  CommandTracker tracker("exit 3", dir / "log");
  tracker.finish();
  tracker.scalars(1, {{"train_loss", 0.5}});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("custom_tracker ended with code 3"));
}

TEST(CommandTracker, SlowReaderLosesNothing) {
  const test::TempDir dir;
  CommandTracker tracker("sleep 0.3; wc -l", dir / "log");
  std::map<std::string, double> values;
  for (int i = 0; i < 100; ++i) values["series/" + std::to_string(i)] = i;
  for (int64_t step = 0; step < 500; ++step) tracker.scalars(step, values);
  tracker.finish();
  EXPECT_EQ(io::read_file(dir / "log"), "500\n");
}

}  // namespace
}  // namespace omnigen::train
