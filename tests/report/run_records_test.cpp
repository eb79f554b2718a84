#include "report/run_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/run_folder.h"
#include "util/error.h"

namespace omnigen::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal_of(const std::filesystem::path& folder) {
  try {
    read_run(folder);
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "none";
}

TEST(ReadRun, HasWhatTheRunWroteDown) {
  const test::RunFolder run;
  const RunRecords records = read_run(run.path());
  EXPECT_TRUE(records.complete());
  EXPECT_EQ(records.run.at("effective_batch"), 4);
  EXPECT_EQ(records.machine.at("ranks"), 2);
  ASSERT_EQ(records.evaluations.size(), 1U);
  const EvalSeries& series = records.evaluations[0];
  EXPECT_EQ(series.id, "held-out");
  EXPECT_EQ(series.untouched, 0.5);
  EXPECT_EQ(series.untouched_items.size(), 6U);
  EXPECT_EQ(series.untouched_by_time, (std::vector<double>{0.6, 0.4}));
  EXPECT_EQ(series.zero, 2.1);
  ASSERT_EQ(series.points.size(), 2U);
  EXPECT_EQ(series.points[1].step, 40);
  EXPECT_NEAR(series.points[1].loss, 0.3, 1e-12);
  EXPECT_NEAR(series.points[1].average.value(), 0.31, 1e-12);
  EXPECT_EQ(series.points[1].items.size(), 6U);
  EXPECT_EQ(series.points[1].interval, 0.05);
}

TEST(ReadRun, RunsOfOldHaveTheUntouchedLossesInAFile) {
  const test::RunFolder run;
  run.write("logs/metrics.jsonl", "{\"step\":5,\"loss/val/a\":0.5}\n");
  run.write("evaluation/untouched_a.json", "{\"losses\":[[1.0,2.0],[3.0,4.0]]}");
  run.remove("logs/run_facts.json");
  const RunRecords records = read_run(run.path());
  EXPECT_EQ(records.evaluations.at(0).untouched_by_time, (std::vector<double>{2.0, 3.0}));
  EXPECT_TRUE(records.run.empty());
}

TEST(ReadRun, PooledEvaluationsHaveTheMeanOverSetsByTime) {
  const test::RunFolder run;
  run.write("logs/metrics.jsonl",
            "{\"step\":0,\"loss/val_untouched_by_t/a\":[1,2],\"loss/val_untouched_by_t/b\":[3,4]}\n"
            "{\"step\":5,\"loss/val/pooled\":0.5}\n");
  EXPECT_EQ(read_run(run.path()).evaluations.at(0).untouched_by_time,
            (std::vector<double>{2.0, 3.0}));
}

TEST(ReadRun, AFolderThatIsNoRunIsRefusedWithTheRunsBelowIt) {
  const test::RunFolder run;
  EXPECT_THAT(refusal_of("/no/such/folder"), HasSubstr("there is no folder /no/such/folder"));
  EXPECT_THAT(refusal_of(run.path() / "logs"),
              AllOf(HasSubstr("is not the folder of a run"), HasSubstr("run_state.json")));
  run.write("runs/one/run_state.json", "{}");
  EXPECT_THAT(refusal_of(run.path() / "runs"),
              HasSubstr("such as " + (run.path() / "runs/one").string()));
}

TEST(ReadRun, DamagedFilesAreNamed) {
  const test::RunFolder run;
  run.write("run_state.json", "{\"state\":");
  run.write("checkpoint-best.json", "[1]");
  const RunRecords records = read_run(run.path());
  EXPECT_EQ(records.unreadable,
            (std::vector<std::string>{"run_state.json", "checkpoint-best.json"}));
}

TEST(NumberIn, TakesNumbersOnly) {
  const nlohmann::ordered_json config = {{"a", 1}, {"b", "2"}, {"c", nullptr}};
  EXPECT_EQ(number_in(config, "a"), 1.0);
  EXPECT_FALSE(number_in(config, "b").has_value());
  EXPECT_FALSE(number_in(config, "c").has_value());
  EXPECT_FALSE(number_in(config, "d").has_value());
}

}  // namespace
}  // namespace omnigen::report
