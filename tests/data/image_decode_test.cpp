#include "data/image_decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "data/image_encode.h"
#include "data/test_images.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace omnigen::data {
namespace {

using test::read_file;
using ::testing::HasSubstr;

std::filesystem::path golden_image(const std::string& name) {
  return test::golden_dir() / "data/images" / name;
}

std::optional<ImageProblem> problem_of(std::string_view bytes, const DecodeOptions& options = {}) {
  try {
    decode_image(bytes, "bytes", options);
  } catch (const ImageError& error) {
    return error.problem();
  }
  return std::nullopt;
}

uint32_t crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

void put_big_endian(std::string& bytes, size_t offset, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[offset + i] = static_cast<char>(value >> (24 - 8 * i));
}

// A small PNG whose header claims another size.
std::string png_claiming(uint32_t width, uint32_t height) {
  std::string png = encode_png(test::noise_image(2, 2));
  put_big_endian(png, 16, width);
  put_big_endian(png, 20, height);
  put_big_endian(png, 29, crc32(std::string_view(png).substr(12, 17)));
  return png;
}

TEST(ImageDecode, GivesBackWhatWasEncoded) {
  const Image image = test::noise_image(33, 21);
  const DecodedImage decoded = decode_image(encode_png(image), "x.png");
  EXPECT_EQ(decoded.image.pixels, image.pixels);
  EXPECT_EQ(decoded.facts.size, (PixelSize{33, 21}));
  EXPECT_FALSE(decoded.facts.alpha || decoded.facts.gray || decoded.facts.sixteen_bit);
}

TEST(ImageDecode, ReportsWhatWasDoneToAnImage) {
  EXPECT_TRUE(decode_image_file(golden_image("jpeg_cmyk.jpg")).facts.cmyk);
  EXPECT_TRUE(decode_image_file(golden_image("png_rgb16.png")).facts.sixteen_bit);
  EXPECT_TRUE(decode_image_file(golden_image("png_gray_alpha.png")).facts.alpha);
  EXPECT_TRUE(decode_image_file(golden_image("png_gray_alpha.png")).facts.gray);
  EXPECT_EQ(decode_image_file(golden_image("exif_6.jpg")).facts.orientation, 6);
}

TEST(ImageDecode, LeavesOrientationAloneWhenAsked) {
  const DecodedImage stored =
      decode_image_file(golden_image("exif_6.jpg"), {.apply_orientation = false});
  EXPECT_EQ((PixelSize{stored.image.width, stored.image.height}), stored.facts.stored);
  EXPECT_EQ(stored.facts.orientation, 1);
}

TEST(ImageDecode, TellsAnEmptyFileFromNoImage) {
  EXPECT_EQ(problem_of(""), ImageProblem::kEmptyFile);
  EXPECT_EQ(problem_of("plain text"), ImageProblem::kNotAnImage);
  EXPECT_EQ(problem_of("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), ImageProblem::kNotAnImage);
}

TEST(ImageDecode, NamesFileAndReason) {
  const test::TempDir dir;
  test::write_file(dir / "broken.png", "plain text");
  try {
    decode_image_file(dir / "broken.png");
    FAIL() << "decoded";
  } catch (const ImageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("broken.png"));
    EXPECT_THAT(error.what(), HasSubstr("70 6c 61 69"));
    EXPECT_THAT(error.what(), HasSubstr("not_an_image"));
  }
}

TEST(ImageDecode, TellsUnreadableFiles) {
  try {
    decode_image_file("/nonexistent/a.png");
    FAIL() << "decoded";
  } catch (const ImageError& error) {
    EXPECT_EQ(error.problem(), ImageProblem::kUnreadable);
    EXPECT_THAT(error.what(), HasSubstr("No such file"));
  }
}

TEST(ImageDecode, GoesByContentNotBySuffix) {
  const test::TempDir dir;
  test::write_file(dir / "really_a_png.jpg", encode_png(test::noise_image(9, 7)));
  EXPECT_EQ(decode_image_file(dir / "really_a_png.jpg").facts.format, ImageFormat::kPng);
  EXPECT_EQ(probe_image_file(dir / "really_a_png.jpg").size, (PixelSize{9, 7}));
}

TEST(ImageDecode, RefusesHugeImagesBeforeAllocating) {
  EXPECT_EQ(problem_of(png_claiming(60'000, 60'000)), ImageProblem::kTooLarge);
  EXPECT_EQ(problem_of(png_claiming(70'000, 1)), ImageProblem::kTooLarge);
  EXPECT_EQ(problem_of(encode_png(test::noise_image(10, 10)), {.max_pixels = 99}),
            ImageProblem::kTooLarge);
  std::string bmp = read_file(golden_image("bmp_rgb.bmp"));
  bmp.replace(18, 8, std::string("\xff\xff\0\0\xff\xff\0\0", 8));
  EXPECT_EQ(problem_of(bmp), ImageProblem::kTooLarge);
}

TEST(ImageDecode, FindsTruncationInEveryFormat) {
  for (const char* name : {"jpeg_baseline.jpg", "jpeg_progressive.jpg", "png_rgb8.png",
                           "webp_lossy.webp", "webp_lossless.webp", "bmp_rgb.bmp"}) {
    const std::string bytes = read_file(golden_image(name));
    for (const size_t kept : {bytes.size() / 2, bytes.size() - bytes.size() / 8}) {
      EXPECT_EQ(problem_of(bytes.substr(0, kept)), ImageProblem::kTruncated) << name << kept;
    }
  }
}

TEST(ImageDecode, AcceptsTruncationWhenAsked) {
  const std::string whole = read_file(golden_image("jpeg_baseline.jpg"));
  const DecodedImage decoded =
      decode_image(whole.substr(0, whole.size() / 2), "cut.jpg", {.accept_truncated = true});
  EXPECT_TRUE(decoded.facts.truncated);
  const Image complete = decode_image(whole, "whole.jpg").image;
  EXPECT_TRUE(std::equal(complete.pixels.begin(), complete.pixels.begin() + 3000,
                         decoded.image.pixels.begin()));
}

TEST(ImageDecode, AcceptsBytesAfterTheEnd) {
  const std::string whole = read_file(golden_image("jpeg_baseline.jpg"));
  const DecodedImage decoded = decode_image(whole + "appended by some tool", "long.jpg");
  EXPECT_FALSE(decoded.facts.truncated);
  EXPECT_EQ(decoded.image.pixels, decode_image(whole, "whole.jpg").image.pixels);
}

TEST(ImageDecode, ProbesWithoutDecoding) {
  const std::string whole = read_file(golden_image("exif_6.jpg"));
  const ImageFacts facts = probe_image(whole.substr(0, whole.size() - 200), "cut.jpg");
  EXPECT_EQ(facts.stored, (PixelSize{56, 37}));
  EXPECT_EQ(facts.size, (PixelSize{37, 56}));
}

// Every file of the golden set, cut and garbled in many ways: an image or an ImageError, never
// anything else.
TEST(ImageDecode, SurvivesAnyBytes) {
  util::SeedStream stream(3, "garble", {});
  int num_decoded = 0;
  int num_refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden_image(""))) {
    const std::string whole = read_file(entry.path());
    for (int trial = 0; trial < 25; ++trial) {
      std::string bytes =
          whole.substr(0, trial % 3 == 0 ? stream.below(whole.size()) : whole.size());
      const uint64_t num_changes = trial % 5 == 0 ? 0 : 1 + stream.below(30);
      for (uint64_t i = 0; i < num_changes && !bytes.empty(); ++i) {
        const uint64_t reach =
            trial % 2 == 0 ? std::min<uint64_t>(bytes.size(), 200) : bytes.size();
        bytes[stream.below(reach)] = static_cast<char>(stream.next_u32());
      }
      try {
        const DecodedImage decoded =
            decode_image(bytes, entry.path().filename(), {.max_pixels = 1'000'000});
        EXPECT_EQ(std::ssize(decoded.image.pixels), decoded.image.width * decoded.image.height * 3);
        ++num_decoded;
      } catch (const ImageError& error) {
        EXPECT_THAT(error.what(), HasSubstr(entry.path().filename().string()));
        ++num_refused;
      }
    }
  }
  EXPECT_GT(num_decoded, 50);
  EXPECT_GT(num_refused, 100);
}

TEST(ImageDecode, GivesEachThreadItsOwnResultAndReason) {
  const std::string good = read_file(golden_image("jpeg_444.jpeg"));
  const std::string cut = good.substr(0, good.size() / 2);
  std::string bad_png = encode_png(test::noise_image(40, 40));
  bad_png[bad_png.size() / 2] ^= 0x55;
  const std::vector<uint8_t> expected = decode_image(good, "good").image.pixels;
  std::atomic<int> num_wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const bool right = t % 3 == 0   ? decode_image(good, "good").image.pixels == expected
                           : t % 3 == 1 ? problem_of(cut) == ImageProblem::kTruncated
                                        : problem_of(bad_png) == ImageProblem::kCorrupt;
        if (!right) ++num_wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_wrong, 0);
}

}  // namespace
}  // namespace omnigen::data
