#include "train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

std::vector<nlohmann::json> rows_of(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(stream, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

TEST(Metrics, AppendsOneRowAStep) {
  const test::TempDir dir;
  Metrics({dir.path(), "project"}).log(1, {{"train_loss", 0.5}});
  Metrics({dir.path(), "project"}).log(2, {{"train_loss", 0.25}, {"epoch", 1}});
  const auto rows = rows_of(dir / "metrics.jsonl");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].at("step"), 1);
  EXPECT_EQ(rows[1].at("train_loss"), 0.25);
}

TEST(Metrics, NonFiniteValuesKeepTheRowReadable) {
  const test::TempDir dir;
  Metrics({dir.path(), "project"}).log(1, {{"train_loss", std::nan("")}});
  EXPECT_TRUE(rows_of(dir / "metrics.jsonl").at(0).at("train_loss").is_null());
}

TEST(Metrics, WritesEventFilesWhereAskedFor) {
  const test::TempDir dir;
  Metrics({dir.path(), "project", true}).log(1, {{"train_loss", 0.5}});
  EXPECT_FALSE(std::filesystem::is_empty(dir / "project"));
}

TEST(Metrics, NamesTheSamplesOfAStepWhereAskedFor) {
  const test::TempDir dir;
  Metrics({dir.path(), "project"}).samples(1, {"set/a.png"});
  EXPECT_FALSE(std::filesystem::exists(dir / "samples.jsonl"));
  Metrics({dir.path(), "project", false, true, true}).samples(7, {"set/a.png", "set/b.png"});
  const auto rows = rows_of(dir / "samples.jsonl");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("step"), 7);
  EXPECT_EQ(rows[0].at("samples"), nlohmann::json({"set/a.png", "set/b.png"}));
}

TEST(Metrics, OtherRanksWriteNothing) {
  const test::TempDir dir;
  Metrics({dir.path(), "project", true, false}).log(1, {{"train_loss", 0.5}});
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace omnigen::train
