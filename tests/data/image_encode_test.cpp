#include "data/image_encode.h"

#include <gtest/gtest.h>

#include "data/image_decode.h"
#include "data/image_format.h"
#include "data/test_images.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

TEST(ImageEncode, IsReadBackWithItsText) {
  const Image image = test::noise_image(19, 11);
  const std::map<std::string, std::string> text = {
      {"prompt", "a cat — 猫\nsecond line"}, {"seed", "42"}, {"with-dash", ""}};
  const std::string png = encode_png(image, text);
  EXPECT_EQ(decode_image(png, "x.png").image.pixels, image.pixels);
  EXPECT_EQ(read_png_text(png), text);
}

TEST(ImageEncode, GivesTheSameBytesEveryTime) {
  const Image image = test::noise_image(64, 64);
  EXPECT_EQ(encode_png(image, {{"seed", "1"}}), encode_png(image, {{"seed", "1"}}));
  EXPECT_NE(encode_png(image, {{"seed", "1"}}), encode_png(image, {{"seed", "2"}}));
}

TEST(ImageEncode, RefusesKeysThatPngCannotHold) {
  const Image image = test::noise_image(4, 4);
  EXPECT_THROW(encode_png(image, {{"", "x"}}), util::DataError);
  EXPECT_THROW(encode_png(image, {{std::string(80, 'k'), "x"}}), util::DataError);
  EXPECT_THROW(encode_png(image, {{"schlüssel", "x"}}), util::DataError);
}

TEST(ImageEncode, WritesTheFormatAskedFor) {
  Image image = {64, 48, {}};
  for (int64_t i = 0; i < 64 * 48 * 3; ++i) image.pixels.push_back(static_cast<uint8_t>(i / 64));
  for (const std::string format : {"png", "jpeg", "webp"}) {
    const std::string bytes = encode_image(image, format, 95);
    EXPECT_EQ(image_format_name(sniff_format(bytes).value()), format);
    const Image back = decode_image(bytes, "x" + image_extension(format)).image;
    ASSERT_EQ(back.width, 64);
    ASSERT_EQ(back.height, 48);
    double sum = 0;
    for (size_t i = 0; i < image.pixels.size(); ++i)
      sum += std::abs(back.pixels[i] - image.pixels[i]);
    EXPECT_LT(sum / static_cast<double>(image.pixels.size()), format == "png" ? 1e-9 : 4.0)
        << format;
  }
  EXPECT_EQ(encode_image(image, "png", 1, {{"seed", "1"}}), encode_png(image, {{"seed", "1"}}));
}

TEST(ImageEncode, QualityDecidesTheSize) {
  const Image image = test::noise_image(64, 64);
  for (const char* format : {"jpeg", "webp"}) {
    EXPECT_LT(encode_image(image, format, 20).size(), encode_image(image, format, 95).size());
  }
}

TEST(ImageEncode, OtherFormatsAreRefused) {
  EXPECT_THROW(encode_image(test::noise_image(4, 4), "bmp", 90), util::ConfigError);
}

TEST(ImageEncode, RefusesToReadWhatIsNoPng) {
  EXPECT_THROW(read_png_text("no png at all"), util::DataError);
}

}  // namespace
}  // namespace omnigen::data
