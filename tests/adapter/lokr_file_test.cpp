#include "adapter/lokr_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

const nlohmann::ordered_json kConfig = {{"multiplier", 1.0}, {"algo", "lokr"}};
const std::map<std::string, at::Tensor> kTensors = {
    {"lycoris_x.alpha", at::scalar_tensor(10000.0).to(at::kBFloat16)},
    {"lycoris_x.lokr_w1", at::ones({2, 2}, at::kBFloat16)},
    {"lycoris_x.lokr_w2", at::full({4, 3}, 0.5, at::kBFloat16)}};

TEST(LokrFile, DescribesItselfAsSimpleTunersFilesDo) {
  FileFacts facts{kConfig, 500, "my run"};
  facts.resolution = 768;
  const auto metadata = file_metadata(facts);
  EXPECT_EQ(metadata.at("lycoris_config"), R"({"multiplier":1.0,"algo":"lokr"})");
  EXPECT_EQ(metadata.at("global_step"), "500");
  EXPECT_EQ(metadata.at("modelspec.sai_model_spec"), "1.0.1");
  EXPECT_EQ(metadata.at("modelspec.architecture"), "omnigen-v1/lora");
  EXPECT_EQ(metadata.at("modelspec.implementation"), "diffusers");
  EXPECT_EQ(metadata.at("modelspec.title"), "my run");
  EXPECT_EQ(metadata.at("modelspec.resolution"), "768x768");
  EXPECT_FALSE(metadata.contains("trained_words"));
  EXPECT_FALSE(metadata.contains("modelspec.comment"));
}

TEST(LokrFile, LeavesTheFlavourOutWhereThereIsNone) {
  FileFacts facts{kConfig};
  facts.flavour = "";
  EXPECT_EQ(file_metadata(facts).at("modelspec.architecture"), "omnigen/lora");
}

TEST(LokrFile, ReadsBackWhatItWrote) {
  const test::TempDir folder;
  save_adapter(folder / "ema", kTensors, file_metadata({kConfig, 7}), kConfig);
  const auto found = read_adapter(folder / "ema");
  EXPECT_EQ(found.size(), kTensors.size());
  for (const auto& [name, value] : kTensors) EXPECT_TENSOR_EQ(found.at(name), value);
  const FileOrigin origin = read_origin(folder / "ema/pytorch_lora_weights.safetensors");
  EXPECT_EQ(origin.step, 7);
  EXPECT_EQ(origin.lycoris_config, kConfig);
}

TEST(LokrFile, KeepsTheConfigurationInItsOrder) {
  const test::TempDir folder;
  save_adapter(folder.path(), kTensors, {}, kConfig);
  const std::string text = io::read_file(folder / "lycoris_config.json");
  EXPECT_LT(text.find("multiplier"), text.find("algo"));
}

TEST(LokrFile, AFileMaySayNothingOfItsOrigin) {
  const test::TempDir folder;
  save_adapter(folder.path(), kTensors, {{"lycoris_config", "not json"}, {"global_step", "soon"}},
               kConfig);
  const FileOrigin origin = read_origin(folder.path());
  EXPECT_FALSE(origin.step.has_value());
  EXPECT_FALSE(origin.lycoris_config.has_value());
}

TEST(LokrFile, RefusesAnotherKindOfAdapter) {
  const test::TempDir folder;
  io::write_safetensors(folder / "lora.safetensors", {{"to_q.lora_A.weight", at::ones({2, 2})}});
  try {
    read_adapter(folder / "lora.safetensors");
    FAIL() << "accepted";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("to_q.lora_A.weight"));
  }
}

TEST(LokrFile, RefusesATruncatedFile) {
  const test::TempDir folder;
  save_adapter(folder.path(), kTensors, {}, kConfig);
  const auto path = folder / kAdapterFile;
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 2);
  EXPECT_THROW(read_adapter(path), util::DataError);
}

}  // namespace
}  // namespace omnigen::adapter
