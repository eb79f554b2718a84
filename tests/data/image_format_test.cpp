#include "data/image_format.h"

#include <gtest/gtest.h>

#include "data/image_encode.h"
#include "data/test_images.h"
#include "support/golden.h"

namespace omnigen::data {
namespace {

using namespace std::string_view_literals;

TEST(ImageFormat, IsToldByContent) {
  EXPECT_EQ(sniff_format("\xff\xd8\xff\xe0rest"sv), ImageFormat::kJpeg);
  EXPECT_EQ(sniff_format("RIFF\0\0\0\0WEBPVP8 "sv), ImageFormat::kWebp);
  EXPECT_EQ(sniff_format("P6\n12 10\n255\n"sv), ImageFormat::kPnm);
  EXPECT_EQ(sniff_format("MM\0*\0\0\0\10"sv), ImageFormat::kTiff);
  EXPECT_EQ(sniff_format("RIFF\0\0\0\0WAVE"sv), std::nullopt);
  EXPECT_EQ(sniff_format("<svg xmlns"sv), std::nullopt);
  EXPECT_EQ(sniff_format("P6"sv), std::nullopt);
}

TEST(ImageFormat, ReadsTheSizeOfABmpHeader) {
  const std::string bmp = test::read_file(test::golden_dir() / "data/images/bmp_rgb.bmp");
  EXPECT_EQ(bmp_size(bmp), (PixelSize{72, 53}));
  EXPECT_EQ(bmp_size(bmp.substr(0, 20)), std::nullopt);
}

TEST(ImageFormat, SeesThatAFileHasBeenCut) {
  const std::string png = encode_png(test::noise_image(20, 20));
  EXPECT_FALSE(is_cut_short(ImageFormat::kPng, png));
  EXPECT_TRUE(is_cut_short(ImageFormat::kPng, std::string_view(png).substr(0, png.size() - 12)));
  EXPECT_TRUE(is_cut_short(ImageFormat::kJpeg, "\xff\xd8\xff\xe0"sv));
  EXPECT_TRUE(is_cut_short(ImageFormat::kWebp, "RIFF\xff\0\0\0WEBP"sv));
}

TEST(ImageFormat, ShowsTheFirstBytes) {
  EXPECT_EQ(magic_text("\x89PNG"sv), "89 50 4e 47");
}

}  // namespace
}  // namespace omnigen::data
