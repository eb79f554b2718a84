#include <gtest/gtest.h>

#include <map>

#include "data/crop_keys_json.h"
#include "data/pixel_convert.h"
#include "support/golden.h"

namespace omnigen::data {
namespace {

using nlohmann::json;
using test::PlannedRow;

PixelSize size_of(const json& pair) {
  return {pair.at(0).get<int64_t>(), pair.at(1).get<int64_t>()};
}

void expect_size(PixelSize actual, const json& expected, const char* what) {
  EXPECT_EQ(json({actual.width, actual.height}), expected) << what;
}

void expect_crop(const PlannedRow& row, const json& expected) {
  if (!expected.at("crop").is_null()) {
    EXPECT_EQ(json({row.plan.crop_top, row.plan.crop_left}), expected.at("crop"));
    return;
  }
  EXPECT_EQ(json({row.plan.spare_height(), row.plan.spare_width()}), expected.at("crop_max"));
  EXPECT_TRUE(row.plan.crop_top >= 0 && row.plan.crop_top <= row.plan.spare_height());
  EXPECT_TRUE(row.plan.crop_left >= 0 && row.plan.crop_left <= row.plan.spare_width());
}

void expect_row(const PlannedRow& row, const json& expected) {
  EXPECT_EQ(row.reason, expected.at("accepted") ? "" : expected.at("reason").get<std::string>());
  if (!expected.at("accepted") || !row.reason.empty()) return;
  EXPECT_EQ(row.plan.bucket, expected.at("bucket"));
  expect_size(row.plan.target, expected.at("target"), "target");
  expect_size(row.plan.intermediary, expected.at("intermediary"), "intermediary");
  const PixelSize resized =
      expected.at("resized").is_null() ? row.source : size_of(expected.at("resized"));
  expect_size(row.plan.resized, json({resized.width, resized.height}), "resized");
  expect_crop(row, expected);
}

// `documented` holds only what differs from `ours`.
json documented_row(const json& row) {
  json expected = row.at("ours");
  if (!row.contains("documented")) return expected;
  expected.erase("crop_max");
  expected.update(row.at("documented"));
  return expected;
}

TEST(CropPlanGolden, EveryRowIsAsSpecified) {
  const json file = test::read_json(test::golden_dir() / "data/crop_plan.json");
  for (const json& row : file.at("rows")) {
    SCOPED_TRACE(row.dump());
    const PixelSize source = oriented_size(size_of(row.at("size")), row.at("exif"));
    expect_row(test::plan_row(row.at("dataset"), row.at("globals"), source), row.at("ours"));
    if (!row.at("ours").at("accepted")) continue;
    expect_row(test::plan_row(row.at("dataset"), row.at("globals"), source, "documented"),
               documented_row(row));
  }
  ASSERT_FALSE(file.at("rows").empty());
  std::printf("%zu plans\n", file.at("rows").size());
}

TEST(CropPlanGolden, BucketsHoldTheReferencesImages) {
  const json file = test::read_json(test::golden_dir() / "data/buckets.json");
  for (const json& row : file.at("rows")) {
    SCOPED_TRACE(row.at("dataset").dump());
    std::map<std::string, std::vector<int64_t>> members;
    for (size_t i = 0; i < row.at("sizes").size(); ++i) {
      const PlannedRow planned =
          test::plan_row(row.at("dataset"), row.at("globals"), size_of(row.at("sizes").at(i)));
      members[planned.plan.bucket].push_back(static_cast<int64_t>(i));
    }
    std::map<std::string, std::vector<int64_t>> expected;
    for (const auto& [bucket, entry] : row.at("st").items()) {
      expected[bucket] = entry.at("images").get<std::vector<int64_t>>();
    }
    if (row.contains("ours")) expected = row.at("ours").get<decltype(expected)>();
    EXPECT_EQ(members, expected);
  }
  ASSERT_FALSE(file.at("rows").empty());
}

}  // namespace
}  // namespace omnigen::data
