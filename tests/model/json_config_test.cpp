#include "model/json_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

class JsonConfigTest : public ::testing::Test {
 protected:
  JsonConfig read(const std::string& text) {
    std::ofstream(dir_ / "config.json") << text;
    return JsonConfig(dir_ / "config.json");
  }
  test::TempDir dir_;
};

TEST_F(JsonConfigTest, AbsentAndNullMembersHaveTheirDefault) {
  const JsonConfig json = read(R"({"a": null, "b": 3})");
  EXPECT_EQ(json.integer("a", 7), 7);
  EXPECT_EQ(json.integer("b", 7), 3);
  EXPECT_EQ(json.number("b", 0.5), 3.0);
  EXPECT_EQ(json.numbers("c", {1.5}), std::vector<double>{1.5});
  EXPECT_FALSE(json.has("a"));
}

TEST_F(JsonConfigTest, ErrorsNameFileEnclosingKeyAndFoundValue) {
  const JsonConfig inner = read(R"({"scaling": {"type": 4}})").object("scaling");
  try {
    static_cast<void>(inner.text("type", ""));
    FAIL() << "no error";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("config.json"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'scaling'"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'type'"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("found 4"));
  }
}

TEST_F(JsonConfigTest, EveryTypeIsChecked) {
  const JsonConfig json = read(R"({"a": "x", "b": 1.5, "c": [1, "x"], "d": 1})");
  EXPECT_THROW(static_cast<void>(json.integer("b", 0)), util::DataError);
  EXPECT_THROW(static_cast<void>(json.number("a", 0)), util::DataError);
  EXPECT_THROW(static_cast<void>(json.boolean("d", false)), util::DataError);
  EXPECT_THROW(json.integers("c", {}), util::DataError);
  EXPECT_THROW(json.texts("c"), util::DataError);
  EXPECT_THROW(json.object("d"), util::DataError);
  EXPECT_THROW(json.object("absent"), util::DataError);
  EXPECT_THROW(json.require("a", "y"), util::DataError);
  EXPECT_NO_THROW(json.require("absent", "y"));
}

TEST_F(JsonConfigTest, OnlyObjectsAreConfigurations) {
  EXPECT_THROW(read("[1, 2]"), util::DataError);
  EXPECT_THROW(read("{"), util::DataError);
}

}  // namespace
}  // namespace omnigen::model
