#include "report/metrics_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "support/temp_dir.h"

namespace omnigen::report {
namespace {

MetricsFile read(const std::string& text) {
  const test::TempDir dir;
  std::ofstream(dir / "metrics.jsonl") << text;
  return read_metrics(dir / "metrics.jsonl");
}

TEST(MetricsFile, RowsOfAStepAddUpAndTheLastValueCounts) {
  const auto metrics = read(
      "{\"step\":1,\"train_loss\":0.5}\n{\"step\":1,\"loss/val_by_t/a\":[1,2]}\n"
      "{\"step\":1,\"train_loss\":0.25}\n{\"step\":2,\"train_loss\":0.125}\n");
  EXPECT_EQ(metrics.at("train_loss").steps, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(metrics.at("train_loss").values, (std::vector<double>{0.25, 0.125}));
  EXPECT_EQ(metrics.list("loss/val_by_t/a").values.at(0), (std::vector<double>{1, 2}));
  EXPECT_TRUE(metrics.at("no such series").empty());
}

TEST(MetricsFile, AResumedRunForgetsWhatLayBeyond) {
  const auto metrics = read(
      "{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":2,\"l\":[2]}\n{\"step\":3,\"a\":3,\"l\":[3]}\n"
      "{\"step\":0,\"zero\":7}\n{\"step\":2,\"a\":20}\n");
  EXPECT_EQ(metrics.at("a").values, (std::vector<double>{1, 20}));
  EXPECT_EQ(metrics.list("l").steps, (std::vector<int64_t>{2}));
  EXPECT_EQ(metrics.untouched.at("zero"), (std::vector<double>{7}));
}

TEST(MetricsFile, NullIsNotFiniteAndTornLinesAreCounted) {
  const auto metrics = read(
      "{\"step\":1,\"a\":null}\n{\"step\":2,\"a\":1,\"b\":[[0,1,0.5],[3,2,1]]}\n{\"step\":3,\"a\"");
  EXPECT_TRUE(std::isinf(metrics.at("a").values.at(0)));
  EXPECT_EQ(metrics.list("b").values.at(0), (std::vector<double>{0, 1, 0.5, 3, 2, 1}));
  EXPECT_EQ(metrics.num_bad_lines, 1);
}

TEST(MetricsFile, AFileThatIsNotThereIsEmpty) {
  EXPECT_TRUE(read_metrics("/no/such/metrics.jsonl").series.empty());
}

}  // namespace
}  // namespace omnigen::report
