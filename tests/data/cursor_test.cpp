#include "data/cursor.h"

#include <gtest/gtest.h>

namespace omnigen::data {
namespace {

TEST(Cursor, SurvivesJson) {
  const Cursor cursor{3, {{12, 5, 24}, {9, 0, 18}}, 1234};
  const nlohmann::json json = cursor;
  EXPECT_EQ(nlohmann::json::parse(json.dump()).get<Cursor>(), cursor);
}

TEST(Cursor, CountsWhatTheEpochHasGiven) {
  EXPECT_EQ((Cursor{0, {{12, 5, 24}, {9, 0, 18}}, 42}.taken_in_epoch()), 42);
}

TEST(Cursor, RefusesJsonWithoutItsMembers) {
  EXPECT_THROW(nlohmann::json::parse(R"({"epoch": 1})").get<Cursor>(), nlohmann::json::exception);
}

}  // namespace
}  // namespace omnigen::data
