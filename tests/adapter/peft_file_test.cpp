#include "adapter/peft_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/adapter_set.h"
#include "adapter/lora_config.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "support/omnigen_tree.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

constexpr const char* kLoraToQ = "base_model.model.layers.0.self_attn.to_q";

LoraConfig lora_config_of(double alpha) {
  config::AdapterConfig keys;
  keys.lora_rank = 2;
  keys.lora_alpha = alpha;
  return LoraConfig::from_keys(keys);
}

TEST(PeftFile, HoldsFactorsOnlyBesideItsConfiguration) {
  const test::TempDir folder;
  const LoraConfig config = lora_config_of(6);
  const AdapterSet adapters(config, test::omnigen_tree({}), 0);
  config.files(adapters.state_dict(at::kBFloat16), {.step = 7}).write(folder.path());
  const io::SafetensorsReader file(folder / "adapter_model.safetensors");
  EXPECT_EQ(file.tensors().size(), 16);
  EXPECT_EQ(file.tensors().at(std::string(kLoraToQ) + ".lora_A.weight").dtype, at::kBFloat16);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("global_step"), "7");
  EXPECT_TRUE(std::filesystem::exists(folder / "adapter_config.json"));
}

TEST(PeftFile, ReadsBackWhatItWrote) {
  const test::TempDir folder;
  const LoraConfig config = lora_config_of(6);
  const nn::ModuleTree tree = test::omnigen_tree({});
  const AdapterSet adapters(config, tree, 5);
  const Tensors state = adapters.state_dict(at::kFloat);
  config.files(state, {}).write(folder.path());
  const Tensors found = read_adapter(folder.path());
  EXPECT_EQ(found.size(), state.size());
  for (const auto& [name, value] : state) {
    EXPECT_TENSOR_EQ(found.at(name).to(at::kFloat), value);
  }
  AdapterSet again(config, tree, 0);
  again.load_state_dict(found, "file");
  EXPECT_TENSOR_EQ(again.parameters()[0].value.detach(), adapters.parameters()[0].value.detach());
}

TEST(PeftFile, ARunOfAnotherScaleIsRefused) {
  const test::TempDir folder;
  const LoraConfig config = lora_config_of(6);
  const nn::ModuleTree tree = test::omnigen_tree({});
  config.files(AdapterSet(config, tree, 0).state_dict(at::kFloat), {}).write(folder.path());
  AdapterSet other(lora_config_of(3), tree, 0);
  try {
    other.load_state_dict(read_adapter(folder.path()), "checkpoint-5");
    FAIL() << "accepted";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("alpha is 6, this configuration gives 3"));
  }
}

TEST(PeftFile, TakesNamesOfDiffusersAndAnAlphaInTheFile) {
  const test::TempDir folder;
  const auto path = folder / "lora.safetensors";
  io::write_safetensors(path, {{"transformer.x.lora_A.weight", at::ones({2, 4})},
                               {"transformer.x.lora_B.weight", at::ones({3, 2})},
                               {"transformer.x.alpha", at::scalar_tensor(5.0)}});
  const Tensors found = read_adapter(path);
  EXPECT_TRUE(found.contains("base_model.model.x.lora_B.weight"));
  EXPECT_EQ(found.at("base_model.model.x.alpha").item<float>(), 5.0F);
}

TEST(PeftFile, NamesTheMissingConfiguration) {
  const test::TempDir folder;
  const auto path = folder / "lora.safetensors";
  io::write_safetensors(path, {{"x.lora_A.weight", at::ones({2, 4})}});
  try {
    read_adapter(path);
    FAIL() << "accepted";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("adapter_config.json"));
  }
}

}  // namespace
}  // namespace omnigen::adapter
