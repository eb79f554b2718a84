#include "adapter/adapter_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/lokr_file.h"
#include "adapter/peft_file.h"
#include "io/safetensors_writer.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

const Tensors kLokr = {{"lycoris_x.lokr_w1", at::ones({2, 2})},
                       {"lycoris_x.lokr_w2", at::ones({2, 2})}};

TEST(AdapterFiles, DescribeTheirRunAsSimpleTunersFilesDo) {
  FileFacts facts{.step = 500, .title = "my run"};
  facts.resolution = 768;
  const auto metadata = modelspec_metadata(facts);
  EXPECT_EQ(metadata.at("global_step"), "500");
  EXPECT_EQ(metadata.at("modelspec.sai_model_spec"), "1.0.1");
  EXPECT_EQ(metadata.at("modelspec.architecture"), "omnigen-v1/lora");
  EXPECT_EQ(metadata.at("modelspec.implementation"), "diffusers");
  EXPECT_EQ(metadata.at("modelspec.title"), "my run");
  EXPECT_EQ(metadata.at("modelspec.resolution"), "768x768");
  EXPECT_FALSE(metadata.contains("trained_words"));
  EXPECT_FALSE(metadata.contains("modelspec.comment"));
}

TEST(AdapterFiles, LeaveTheFlavourOutWhereThereIsNone) {
  FileFacts facts;
  facts.flavour = "";
  EXPECT_EQ(modelspec_metadata(facts).at("modelspec.architecture"), "omnigen/lora");
}

TEST(AdapterFiles, WriteTheAverageUnderAnotherName) {
  const test::TempDir folder;
  const AdapterFiles files = lokr_files({{"algo", "lokr"}}, kLokr, {});
  files.write_as(files.average_name, folder / "ema");
  EXPECT_EQ(read_adapter(folder / "ema/ema_model.safetensors").size(), 2);
}

TEST(ReadAdapter, TakesTheFileOfAFolderOfEitherKind) {
  const test::TempDir folder;
  lokr_files({{"algo", "lokr"}}, kLokr, {}).write(folder / "lokr");
  io::write_safetensors(folder / "lora" / kPeftFile,
                        {{"base_model.model.x.lora_A.weight", at::ones({1, 2})},
                         {"base_model.model.x.alpha", at::ones({})}});
  EXPECT_TRUE(read_adapter(folder / "lokr").contains("lycoris_x.lokr_w1"));
  EXPECT_TRUE(read_adapter(folder / "lora").contains("base_model.model.x.lora_A.weight"));
}

TEST(ReadAdapter, RefusesAnotherKindOfAdapter) {
  const test::TempDir folder;
  io::write_safetensors(folder / "loha.safetensors", {{"to_q.hada_w1_a", at::ones({2, 2})}});
  try {
    read_adapter(folder / "loha.safetensors");
    FAIL() << "accepted";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("to_q.hada_w1_a"));
  }
}

TEST(ReadAdapter, RefusesATruncatedFile) {
  const test::TempDir folder;
  lokr_files({{"algo", "lokr"}}, kLokr, {}).write(folder.path());
  const auto path = folder / kLokrFile;
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 2);
  EXPECT_THROW(read_adapter(path), util::DataError);
}

}  // namespace
}  // namespace omnigen::adapter
