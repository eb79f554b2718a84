// Files -> decoded, resized, cropped and normalised pixels, as tests/golden/README.md says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "data/crop_keys_json.h"
#include "data/image_decode.h"
#include "data/resample.h"
#include "io/safetensors_reader.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::data {
namespace {

using nlohmann::json;
using test::PixelTolerance;

struct Row {
  json description;
  io::SafetensorsReader tensors;

  [[nodiscard]] std::filesystem::path file() const {
    return test::golden_dir() / "data" / description.at("file").get<std::string>();
  }
  [[nodiscard]] bool is_jpeg() const {
    return file().extension() == ".jpg" || file().extension() == ".jpeg";
  }
  [[nodiscard]] CropPlan plan() const {
    const json& stored = description.at("stored_size");
    const PixelSize size =
        oriented_size({stored.at(0), stored.at(1)}, description.at("orientation"));
    return test::plan_row(description.at("dataset"), description.at("globals"), size).plan;
  }
};

std::vector<json> descriptions(bool accepted) {
  const json index = test::read_json(test::golden_dir() / "data/pixels/index.json");
  std::vector<json> rows;
  for (const json& row : index.at("rows")) {
    if (row.at("plan").at("accepted") == accepted) rows.push_back(row);
  }
  return rows;
}

std::vector<Row> accepted_rows() {
  std::vector<Row> rows;
  for (json& row : descriptions(true)) {
    const std::filesystem::path file = row.at("file").get<std::string>();
    const auto path = test::golden_dir() / "data/pixels" / (file.stem().string() + ".safetensors");
    rows.push_back({std::move(row), io::SafetensorsReader(path)});
  }
  return rows;
}

Image image_of(const at::Tensor& pixels) {
  const at::Tensor bytes = pixels.contiguous();
  const auto* begin = bytes.data_ptr<uint8_t>();
  return {bytes.size(1), bytes.size(0), {begin, begin + bytes.numel()}};
}

at::Tensor tensor_of(const Image& image) {
  return at::from_blob(const_cast<uint8_t*>(image.pixels.data()), {image.height, image.width, 3},
                       at::kByte)
      .clone();
}

void expect_pixels(const Image& actual, const at::Tensor& expected,
                   const PixelTolerance& tolerance) {
  const at::Tensor pixels = tensor_of(actual);
  ASSERT_EQ(pixels.sizes(), expected.sizes()) << tolerance.kind;
  const at::Tensor difference = (pixels.to(at::kInt) - expected.to(at::kInt)).abs();
  const int largest = difference.max().item<int>();
  const double mean = difference.to(at::kDouble).mean().item<double>();
  static std::map<std::string, std::pair<int, double>> worst;
  auto& seen = worst[tolerance.kind];
  seen = {std::max(seen.first, largest), std::max(seen.second, mean)};
  ::testing::Test::RecordProperty(tolerance.kind, std::to_string(seen.first));
  EXPECT_LE(largest, tolerance.largest) << tolerance.kind;
  EXPECT_LE(mean, tolerance.mean) << tolerance.kind;
  if (largest > 0) std::printf("%s: largest %d, mean %.4f\n", tolerance.kind, largest, mean);
}

TEST(PixelsGolden, FilesDecodeToTheReferencesPixels) {
  for (const Row& row : accepted_rows()) {
    SCOPED_TRACE(row.file());
    const DecodedImage decoded = decode_image_file(row.file());
    expect_pixels(decoded.image, row.tensors.tensor("decoded"),
                  row.is_jpeg() ? test::kDecodedJpeg : test::kDecodedLossless);
    EXPECT_EQ(decoded.facts.orientation, row.description.at("orientation"));
  }
}

TEST(PixelsGolden, HeadersGiveTheSizesOfTheFiles) {
  for (const Row& row : accepted_rows()) {
    SCOPED_TRACE(row.file());
    const ImageFacts facts = probe_image_file(row.file());
    EXPECT_EQ(json({facts.stored.width, facts.stored.height}), row.description.at("stored_size"));
    const at::Tensor decoded = row.tensors.tensor("decoded");
    EXPECT_EQ(facts.size, (PixelSize{decoded.size(1), decoded.size(0)}));
  }
}

TEST(PixelsGolden, FiltersResizeAsTheReferencesDo) {
  for (const Row& row : accepted_rows()) {
    SCOPED_TRACE(row.file());
    const Image decoded = image_of(row.tensors.tensor("decoded"));
    const CropPlan plan = row.plan();
    for (const auto& [name, info] : row.tensors.tensors()) {
      SCOPED_TRACE(name);
      const std::string filter = name.substr(name.find('.') + 1);
      const PixelTolerance& tolerance =
          filter == "bilinear_opencv" ? test::kResampledOpencv : test::kResampled;
      if (name.starts_with("resized.")) {
        expect_pixels(resize(decoded, plan.resized, resample_filter(filter)),
                      row.tensors.tensor(name), tolerance);
      } else if (name.starts_with("final.")) {
        expect_pixels(apply_plan(decoded, plan, resample_filter(filter)), row.tensors.tensor(name),
                      tolerance);
      }
    }
  }
}

TEST(PixelsGolden, FilesBecomeTheReferencesFinalPixels) {
  for (const Row& row : accepted_rows()) {
    SCOPED_TRACE(row.file());
    const Image final =
        apply_plan(decode_image_file(row.file()).image, row.plan(), ResampleFilter::kLanczosAa);
    expect_pixels(final, row.tensors.tensor("final.lanczos_aa"),
                  row.is_jpeg() ? test::kJpegToFinal : test::kResampled);
  }
}

TEST(PixelsGolden, NormalisedPixelsAreEqual) {
  int num_compared = 0;
  for (const Row& row : accepted_rows()) {
    if (!row.tensors.contains("normalised.lanczos_aa")) continue;
    SCOPED_TRACE(row.file());
    EXPECT_TENSOR_NEAR(normalise(image_of(row.tensors.tensor("final.lanczos_aa"))),
                       row.tensors.tensor("normalised.lanczos_aa"), test::kNormalisedPixels);
    ++num_compared;
  }
  EXPECT_GT(num_compared, 0);
}

TEST(PixelsGolden, RefusedFilesAreRefusedForTheReferencesReason) {
  for (const json& row : descriptions(false)) {
    SCOPED_TRACE(row.at("file"));
    try {
      decode_image_file(test::golden_dir() / "data" / row.at("file").get<std::string>());
      ADD_FAILURE() << "decoded";
    } catch (const ImageError& error) {
      EXPECT_EQ(image_problem_name(error.problem()), row.at("plan").at("reason")) << error.what();
    }
  }
}

}  // namespace
}  // namespace omnigen::data
