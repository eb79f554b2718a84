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
  Metrics({dir.path()}).log(1, {{"train_loss", 0.5}});
  Metrics({dir.path()}).log(2, {{"train_loss", 0.25}, {"epoch", 1}});
  const auto rows = rows_of(dir / "metrics.jsonl");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].at("step"), 1);
  EXPECT_EQ(rows[1].at("train_loss"), 0.25);
}

TEST(Metrics, NonFiniteValuesKeepTheRowReadable) {
  const test::TempDir dir;
  Metrics({dir.path()}).log(1, {{"train_loss", std::nan("")}});
  EXPECT_TRUE(rows_of(dir / "metrics.jsonl").at(0).at("train_loss").is_null());
}

class Recorder : public Tracker {
 public:
  explicit Recorder(std::vector<std::string>& calls) : calls_(calls) {}
  void scalars(int64_t step, const std::map<std::string, double>& values) override {
    calls_.push_back("scalars " + std::to_string(step) + " " + values.begin()->first);
  }
  void image(const TrackedImage& image) override { calls_.push_back("image " + image.tag); }
  void flush() override { calls_.emplace_back("flush"); }
  void finish() override { calls_.emplace_back("finish"); }

 private:
  std::vector<std::string>& calls_;
};

TEST(Metrics, EveryTrackerGetsEverythingButRows) {
  const test::TempDir dir;
  std::vector<std::string> calls;
  Trackers trackers;
  trackers.push_back(std::make_unique<Recorder>(calls));
  Metrics metrics({dir.path()}, std::move(trackers));
  metrics.log(1, {{"train_loss", 0.5}});
  metrics.row(1, {{"loss/val_by_t/set", {0.1, 0.2}}});
  metrics.image({"cat - 64x64", 1, "png", 64, 64, "A cat"});
  metrics.flush();
  metrics.finish();
  EXPECT_EQ(calls, (std::vector<std::string>{"scalars 1 train_loss", "image cat - 64x64", "flush",
                                             "finish"}));
  EXPECT_EQ(rows_of(dir / "metrics.jsonl").at(1).at("loss/val_by_t/set").at(1), 0.2);
}

TEST(Metrics, NamesTheSamplesOfAStepWhereAskedFor) {
  const test::TempDir dir;
  Metrics({dir.path()}).samples(1, {"set/a.png"});
  EXPECT_FALSE(std::filesystem::exists(dir / "samples.jsonl"));
  Metrics({dir.path(), true, true}).samples(7, {"set/a.png", "set/b.png"});
  const auto rows = rows_of(dir / "samples.jsonl");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("step"), 7);
  EXPECT_EQ(rows[0].at("samples"), nlohmann::json({"set/a.png", "set/b.png"}));
}

TEST(Metrics, OtherRanksWriteNothing) {
  const test::TempDir dir;
  Metrics metrics({dir.path(), false});
  metrics.log(1, {{"train_loss", 0.5}});
  metrics.row(1, {{"a", 1}});
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace omnigen::train
