#include "validate/stroke_font.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

using ::testing::ElementsAre;

int64_t num_changed(const data::Image& image, uint8_t background) {
  return std::count_if(image.pixels.begin(), image.pixels.end(),
                       [&](uint8_t value) { return value != background; });
}

data::Image drawn(const std::string& text, double size_px) {
  data::Image image = test::solid_image(80, 60, 0);
  TextStyle style;
  style.size_px = size_px;
  draw_text(image, text, 10, 10, style);
  return image;
}

TEST(StrokeFont, EveryCharacterIsDrawnAndDistinct) {
  std::set<std::vector<uint8_t>> pictures;
  for (char c = '!'; c <= '~'; ++c) {
    const data::Image image = drawn(std::string(1, c), 28);
    EXPECT_GT(num_changed(image, 0), 0) << c;
    pictures.insert(image.pixels);
  }
  EXPECT_EQ(pictures.size(), 94U);
}

TEST(StrokeFont, BlankDrawsNothing) {
  EXPECT_EQ(num_changed(drawn(" \n\t", 28), 0), 0);
}

TEST(StrokeFont, FillLiesInsideTheOutline) {
  data::Image image = test::solid_image(60, 40, 128);
  draw_text(image, "I", 10, 8, TextStyle{});
  std::vector<int> row;
  for (int64_t x = 0; x < image.width; ++x) row.push_back(test::pixel(image, x, 18));
  const auto white = std::find(row.begin(), row.end(), 255);
  const auto black = std::find(row.begin(), row.end(), 0);
  ASSERT_NE(white, row.end());
  ASSERT_NE(black, row.end());
  EXPECT_LT(black, white);
  EXPECT_NE(std::find(white, row.end(), 0), row.end());
}

TEST(StrokeFont, SizeScalesTheText) {
  TextStyle small;
  small.size_px = 10;
  TextStyle large;
  large.size_px = 30;
  EXPECT_NEAR(text_width("base model", large), 3 * text_width("base model", small), 1e-9);
  EXPECT_GT(num_changed(drawn("A", 28), 0), 2 * num_changed(drawn("A", 14), 0));
}

TEST(StrokeFont, TextOutsideOfTheImageIsLeftOut) {
  data::Image image = test::solid_image(20, 10, 7);
  draw_text(image, "clipped on all sides", -15, -5, TextStyle{});
  EXPECT_EQ(image.pixels.size(), 600U);
  data::Image untouched = test::solid_image(20, 10, 7);
  draw_text(untouched, "far away", 500, 500, TextStyle{});
  EXPECT_EQ(num_changed(untouched, 7), 0);
}

TEST(StrokeFont, AccentsAndQuotesBecomeAscii) {
  EXPECT_EQ(drawn("é", 28).pixels, drawn("e", 28).pixels);
  EXPECT_EQ(drawn("Ñ", 28).pixels, drawn("N", 28).pixels);
  EXPECT_EQ(drawn("ÿ", 28).pixels, drawn("y", 28).pixels);
  EXPECT_EQ(drawn("“", 28).pixels, drawn("\"", 28).pixels);
  EXPECT_EQ(drawn("—", 28).pixels, drawn("-", 28).pixels);
}

TEST(StrokeFont, OtherCharactersAreOneBoxEach) {
  EXPECT_EQ(drawn("中", 28).pixels, drawn("🟫", 28).pixels);
  EXPECT_NEAR(text_width("中文", TextStyle{}), 2 * text_width("中", TextStyle{}), 1e-9);
  EXPECT_GT(num_changed(drawn("中", 28), 0), 0);
}

TEST(StrokeFont, CutUtf8IsHarmless) {
  for (const char* text : {"\xE4\xB8", "\xFF", "\x80", "a\xC3"}) {
    EXPECT_GE(text_width(text, TextStyle{}), 0.0);
    drawn(text, 12);
  }
}

TEST(WrapText, BreaksAtBlanks) {
  const TextStyle style;
  const double width = text_width("three four", style) + 1;
  EXPECT_THAT(wrap_text("one two three four", width, 9, style),
              ElementsAre("one two", "three four"));
}

TEST(WrapText, FittingTextIsOneLine) {
  const TextStyle style;
  EXPECT_THAT(wrap_text("one two", text_width("one two", style), 1, style), ElementsAre("one two"));
  EXPECT_TRUE(wrap_text("", 100, 3, style).empty());
}

TEST(WrapText, LongWordIsBroken) {
  const TextStyle style;
  const auto lines = wrap_text("aaaaaaaaaa", text_width("aaaa", style), 9, style);
  EXPECT_THAT(lines, ElementsAre("aaaa", "aaaa", "aa"));
}

TEST(WrapText, WhatDoesNotFitEndsInDots) {
  const TextStyle style;
  const double width = text_width("one two three", style);
  const auto lines = wrap_text("one two three four five six", width, 1, style);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].ends_with("..."));
  EXPECT_LE(text_width(lines[0], style), width);
}

TEST(WrapText, TinyWidthStillEnds) {
  EXPECT_EQ(wrap_text("abc", 1, 2, TextStyle{}).size(), 2U);
}

}  // namespace
}  // namespace omnigen::validate
