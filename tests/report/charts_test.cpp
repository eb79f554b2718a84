#include "report/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/run_folder.h"

namespace omnigen::report {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> ids_of(const Json& charts) {
  std::vector<std::string> ids;
  for (const Json& chart : charts) ids.push_back(chart.at("id"));
  return ids;
}

Json chart_of(const RunRecords& records, const std::string& id) {
  for (const Json& chart : charts(records)) {
    if (chart.at("id") == id) return chart;
  }
  throw std::runtime_error("no chart " + id);
}

Json line_of(const Json& chart, const std::string& name) {
  for (const Json& line : chart.at("lines")) {
    if (line.at("name") == name) return line.at("data");
  }
  return nullptr;
}

TEST(Charts, ShowEverythingThatARunRecorded) {
  const test::RunFolder run;
  EXPECT_THAT(
      ids_of(charts(read_run(run.path()))),
      ElementsAre("loss", "eval-held-out", "by-t-held-out", "learning_rate", "grad_norm", "time"));
}

TEST(Charts, HeldOutLossHasItsBandAndTheUntouchedModel) {
  const test::RunFolder run;
  const Json chart = chart_of(read_run(run.path()), "eval-held-out");
  EXPECT_EQ(line_of(chart, "live weights").dump(), "[[0.0,0.5],[20.0,0.4],[40.0,0.3]]");
  EXPECT_EQ(line_of(chart, "95 % interval").dump(), "[[20.0,0.35,0.45],[40.0,0.25,0.35]]");
  EXPECT_EQ(line_of(chart, "EMA").size(), 2U);
  EXPECT_EQ(line_of(chart, "untouched model").dump(), "[[0.0,0.5],[40.0,0.5]]");
}

TEST(Charts, LossByNoiseLevelStandsBesideTheUntouchedAndTheZeroPredictor) {
  const test::RunFolder run;
  const Json chart = chart_of(read_run(run.path()), "by-t-held-out");
  EXPECT_EQ(line_of(chart, "untouched model").dump(), "[[0.25,0.6],[0.75,0.4]]");
  EXPECT_EQ(line_of(chart, "step 40").dump(), "[[0.25,0.4],[0.75,0.2]]");
  EXPECT_EQ(line_of(chart, "knows nothing").dump(), "[[0.0,2.1],[1.0,2.1]]");
  // Steps 31 to 40: a mean loss of 0.3225, and half of it in bin 12.
  EXPECT_EQ(line_of(chart, "training images, last quarter").dump(),
            "[[0.175,0.3225],[0.625,0.16125]]");
}

TEST(Charts, TimeOfAStepIsTheSumOfItsParts) {
  const test::RunFolder run;
  const Json chart = chart_of(read_run(run.path()), "time");
  double sum = 0;
  for (const Json& line : chart.at("lines")) sum += line.at("data").at(7).get<double>();
  EXPECT_NEAR(sum, 0.5, 1e-9);
  EXPECT_NEAR(line_of(chart, "other").at(7).get<double>(), 0.02, 1e-9);
  EXPECT_EQ(chart.at("labels").size(), 40U);
}

TEST(Charts, LongRunsAreThinnedOutAndKeepTheirExtremes) {
  const test::RunFolder run;
  RunRecords records = read_run(run.path());
  Series& losses = records.metrics.series["train_loss"];
  losses = {};
  for (int64_t step = 1; step <= 50000; ++step) {
    losses.steps.push_back(step);
    losses.values.push_back(step == 31234 ? 77.0 : 0.5 + 0.001 * static_cast<double>(step % 7));
  }
  const Json chart = chart_of(records, "loss");
  EXPECT_LE(line_of(chart, "each step").size(), 600U);
  EXPECT_THAT(line_of(chart, "each step").get<std::vector<std::vector<double>>>(),
              Contains(ElementsAre(31234.0, 77.0)));
  EXPECT_TRUE(chart.at("log"));
}

TEST(Charts, WithoutAnEvaluationTrainingImagesStayByNoiseLevel) {
  const test::RunFolder run;
  RunRecords records = read_run(run.path());
  records.evaluations.clear();
  records.metrics.lists.erase("loss/val_by_t/held-out");
  EXPECT_THAT(ids_of(charts(records)),
              ElementsAre("loss", "by-t", "learning_rate", "grad_norm", "time"));
  EXPECT_TRUE(charts({}).empty());
}

}  // namespace
}  // namespace omnigen::report
