#include "data/image_encode.h"

#include <gtest/gtest.h>

#include "data/image_decode.h"
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

TEST(ImageEncode, RefusesToReadWhatIsNoPng) {
  EXPECT_THROW(read_png_text("no png at all"), util::DataError);
}

}  // namespace
}  // namespace omnigen::data
