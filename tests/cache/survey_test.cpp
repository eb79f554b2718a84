#include "cache/survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/cache_fixture.h"
#include "support/temp_dir.h"

namespace omnigen::cache {
namespace {

ScanEntry entry(SourceStat stat, int64_t width, int64_t height) {
  ScanEntry entry;
  entry.stat = stat;
  entry.width = width;
  entry.height = height;
  return entry;
}

ScanEntry hashed(SourceStat stat, const std::string& hash) {
  ScanEntry hashed = entry(stat, 16, 16);
  hashed.src_hash = hash;
  return hashed;
}

ScanEntry failed(SourceStat stat, FailReason reason, const std::string& detail) {
  ScanEntry failed = entry(stat, 0, 0);
  failed.reason = reason;
  failed.detail = detail;
  return failed;
}

// Two records of 16 x 16 images of 9 bytes and time 0.
class SurveyTest : public ::testing::Test {
 protected:
  SurveyTest() {
    test::write_fixture_shard(dir_.path(), "p", 0, {"a.jpg", "b.jpg"});
    cached_.emplace(dir_.path(), std::vector<std::string>{"p-r0-0000.h5"});
    settings_.crop.resolution = 0.000256;
    settings_.crop.alignment = 16;
  }
  [[nodiscard]] Survey run(const std::vector<SourceFile>& files) const {
    return survey(files, *cached_, ledger_, settings_, rules_);
  }
  [[nodiscard]] std::vector<ScanRequest> requests(const std::vector<SourceFile>& files) const {
    return scan_requests(files, *cached_, ledger_, rules_);
  }

  test::TempDir dir_;
  std::optional<CachedRecords> cached_;
  ScanLedger ledger_;
  data::SourceSettings settings_;
  SurveyRules rules_{"p"};
};

TEST_F(SurveyTest, UnchangedFilesAreMembers) {
  const std::vector<SourceFile> files = {{"a.jpg", {9, 0}}, {"b.jpg", {9, 0}}};
  EXPECT_TRUE(requests(files).empty());
  const Survey survey = run(files);
  EXPECT_EQ(survey.members.size(), 2U);
  EXPECT_TRUE(survey.work.empty());
}

TEST_F(SurveyTest, NewFilesAreLookedAtAndThenWork) {
  const std::vector<SourceFile> files = {{"new.jpg", {5, 1}}};
  ASSERT_EQ(requests(files).size(), 1U);
  EXPECT_TRUE(requests(files)[0].known_hash.empty());
  ledger_.set("new.jpg", entry({5, 1}, 100, 100));
  EXPECT_TRUE(requests(files).empty());
  ASSERT_EQ(run(files).work.size(), 1U);
  EXPECT_EQ(run(files).work[0].size, (data::PixelSize{100, 100}));
}

TEST_F(SurveyTest, ATouchedFileIsHashed) {
  const std::vector<SourceFile> files = {{"a.jpg", {9, 55}}};
  ASSERT_EQ(requests(files).size(), 1U);
  const std::string hash = requests(files)[0].known_hash;
  EXPECT_EQ(hash, std::string(64, '0'));
  ledger_.set("a.jpg", hashed({9, 55}, hash));
  EXPECT_TRUE(requests(files).empty());
  EXPECT_EQ(run(files).members.size(), 1U);
}

TEST_F(SurveyTest, AFileOfOtherContentIsWork) {
  ledger_.set("a.jpg", hashed({9, 55}, "other"));
  const Survey survey = run({{"a.jpg", {9, 55}}});
  EXPECT_TRUE(survey.members.empty());
  EXPECT_EQ(survey.work.size(), 1U);
}

TEST_F(SurveyTest, KnownFailuresAreNotLookedAtAgain) {
  ledger_.set("bad.jpg", failed({3, 3}, FailReason::kNotAnImage, "what"));
  const std::vector<SourceFile> files = {{"bad.jpg", {3, 3}}};
  EXPECT_TRUE(requests(files).empty());
  ASSERT_EQ(run(files).failed.size(), 1U);
  EXPECT_EQ(run(files).failed[0].detail, "what");
}

TEST_F(SurveyTest, FilesThatCouldNotBeReadAreTriedAgain) {
  ledger_.set("locked.jpg", failed({3, 3}, FailReason::kUnreadable, ""));
  EXPECT_EQ(requests({{"locked.jpg", {3, 3}}}).size(), 1U);
}

TEST_F(SurveyTest, WithoutTrustInTimesEveryRecordIsHashed) {
  rules_.trust_mtime = false;
  EXPECT_EQ(requests({{"a.jpg", {9, 0}}, {"b.jpg", {9, 0}}}).size(), 2U);
}

TEST_F(SurveyTest, LimitsOnlyDecideWhoBelongs) {
  settings_.crop.minimum_image_size = 1;
  const Survey survey = run({{"a.jpg", {9, 0}}});
  EXPECT_TRUE(survey.members.empty());
  EXPECT_EQ(survey.counters.at("too_small"), 1);
}

TEST(ChooseSamples, IsKeyedByTheIdAlone) {
  std::vector<std::string> paths;
  for (int i = 0; i < 100; ++i) paths.push_back(fmt::format("{:03}", i));
  const auto chosen = choose_samples(paths, 10, "one");
  EXPECT_EQ(chosen.size(), 10U);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_EQ(choose_samples(paths, 10, "one"), chosen);
  EXPECT_NE(choose_samples(paths, 10, "two"), chosen);
  EXPECT_EQ(choose_samples(paths, 1000, "one"), paths);
}

}  // namespace
}  // namespace omnigen::cache
