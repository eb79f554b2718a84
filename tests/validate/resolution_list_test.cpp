#include "validate/resolution_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::validate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMaxSide = 3072;

std::string resolutions_error(std::string_view text) {
  try {
    parse_resolutions(text, kMaxSide);
  } catch (const util::ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ResolutionList, ReadsTheQuickstartsList) {
  const auto list = parse_resolutions("1024x1024,1280x768,2048x2048", kMaxSide);
  EXPECT_THAT(list.items,
              ElementsAre(Resolution{1024, 1024}, Resolution{1280, 768}, Resolution{2048, 2048}));
  EXPECT_THAT(list.notices, IsEmpty());
}

TEST(ResolutionList, WidthComesFirst) {
  EXPECT_EQ(resolution_text(parse_resolutions("640x320", kMaxSide).items[0]), "640x320");
}

TEST(ResolutionList, NumberIsASquare) {
  EXPECT_THAT(parse_resolutions("512", kMaxSide).items, ElementsAre(Resolution{512, 512}));
  EXPECT_THAT(parse_resolutions("512.0", kMaxSide).items, ElementsAre(Resolution{512, 512}));
}

TEST(ResolutionList, ToleratesBlanksAndSigns) {
  EXPECT_THAT(parse_resolutions(" 1024 X 768 ,\t512×256", kMaxSide).items,
              ElementsAre(Resolution{1024, 768}, Resolution{512, 256}));
}

TEST(ResolutionList, SmallNumbersAreMegapixels) {
  const auto list = parse_resolutions("1,2,0.5", kMaxSide);
  EXPECT_THAT(list.items,
              ElementsAre(Resolution{1024, 1024}, Resolution{2000, 2000}, Resolution{496, 496}));
  EXPECT_EQ(list.notices.size(), 3U);
  EXPECT_THAT(list.notices[0], HasSubstr("1 is below 128 and read as megapixels: 1024x1024"));
}

TEST(ResolutionList, SidesRoundToMultiplesOfSixteen) {
  const auto list = parse_resolutions("1000x503,130x129", kMaxSide);
  EXPECT_THAT(list.items, ElementsAre(Resolution{1008, 496}, Resolution{128, 128}));
  EXPECT_THAT(list.notices,
              ElementsAre(HasSubstr("1000x503 rounded to 1008x496, multiples of 16 [C29]"),
                          HasSubstr("130x129 rounded to 128x128")));
}

TEST(ResolutionList, DuplicatesAreDropped) {
  const auto list = parse_resolutions("1024x1024,1024,1020x1030", kMaxSide);
  EXPECT_THAT(list.items, ElementsAre(Resolution{1024, 1024}));
  EXPECT_EQ(list.notices.size(), 3U);
}

TEST(ResolutionList, MalformedItemsAreNamed) {
  EXPECT_THAT(resolutions_error("1024*1024"),
              HasSubstr("validation_resolution: cannot read \"1024*1024\"; write WIDTHxHEIGHT, "
                        "e.g. 1024x1024,1280x768"));
  for (const char* text : {"1024 x", "x", "", "512,,512", "512,", "-512", "512x-1", "0", "0x512",
                           "big", "512x512x3", "nan", "inf", "300.5", "99999999999999999999"}) {
    EXPECT_THAT(resolutions_error(text), HasSubstr("cannot read")) << text;
  }
}

TEST(ResolutionList, SidesBeyondTheModelAreRejected) {
  EXPECT_THAT(resolutions_error("4096x1024"), HasSubstr("largest side of 3072 pixels"));
  EXPECT_EQ(resolutions_error("3072x3072"), "no error");
}

}  // namespace
}  // namespace omnigen::validate
