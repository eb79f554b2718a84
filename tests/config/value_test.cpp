#include "config/value.h"

#include <gtest/gtest.h>

namespace omnigen::config {
namespace {

template <typename T>
T assigned(const Json& value) {
  T field{};
  EXPECT_EQ(assign(value, &field), "");
  return field;
}

template <typename T>
std::string problem(const Json& value) {
  T field{};
  return assign(value, &field);
}

TEST(Value, NumbersMayBeQuoted) {
  EXPECT_EQ(assigned<int64_t>("20"), 20);
  EXPECT_EQ(assigned<double>("4e-5"), 4e-5);
  EXPECT_EQ(assigned<double>(" 1e-4 "), 1e-4);
  EXPECT_EQ(assigned<double>("+0.5"), 0.5);
}

TEST(Value, WholeNumbersMayBeWrittenAsReals) {
  EXPECT_EQ(assigned<int64_t>(100.0), 100);
  EXPECT_EQ(assigned<int64_t>("1e3"), 1000);
  EXPECT_EQ(problem<int64_t>(1.5), "1.5 is not a whole number");
  EXPECT_EQ(problem<int64_t>(1e300), "1e+300 is not a whole number");
}

TEST(Value, NoNumberIsNamed) {
  EXPECT_EQ(problem<double>("4,5"), "\"4,5\" is not a number");
  EXPECT_EQ(problem<int64_t>("10k"), "\"10k\" is not a whole number");
  EXPECT_EQ(problem<int64_t>(true), "true is not a whole number");
  EXPECT_EQ(problem<double>("nan"), "\"nan\" is not a number");
  EXPECT_EQ(problem<double>("inf"), "\"inf\" is not a number");
}

TEST(Value, BooleanWords) {
  for (const char* yes : {"true", "True", "YES", "y", "on", "1"}) EXPECT_TRUE(assigned<bool>(yes));
  for (const char* no : {"false", "No", "n", "OFF", "0"}) EXPECT_FALSE(assigned<bool>(no));
  EXPECT_TRUE(assigned<bool>(1));
  EXPECT_FALSE(assigned<bool>(false));
  EXPECT_EQ(problem<bool>("maybe"), "\"maybe\" is neither true nor false");
  EXPECT_EQ(problem<bool>(2), "2 is neither true nor false");
}

TEST(Value, TextTakesNumbersAndLists) {
  EXPECT_EQ(assigned<std::string>(1024), "1024");
  EXPECT_EQ(assigned<std::string>(Json::array({"1024x1024", 512})), "1024x1024,512");
  EXPECT_EQ(assigned<std::string>(Json{{"algo", "lokr"}}), "{\"algo\":\"lokr\"}");
}

TEST(Value, UnsetForms) {
  EXPECT_TRUE(is_unset(nullptr));
  EXPECT_TRUE(is_unset(""));
  EXPECT_TRUE(is_unset("None"));
  EXPECT_FALSE(is_unset("none"));
  EXPECT_FALSE(is_unset(0));
  EXPECT_FALSE(is_unset(false));
}

TEST(Value, OptionalStaysUnsetAfterAProblem) {
  std::optional<int64_t> field;
  EXPECT_NE(assign(Json("x"), &field), "");
  EXPECT_FALSE(field);
  EXPECT_EQ(assign(Json(3), &field), "");
  EXPECT_EQ(field, 3);
}

}  // namespace
}  // namespace omnigen::config
