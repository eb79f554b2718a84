#include "adapter/lokr_file.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"

namespace omnigen::adapter {
namespace {

const nlohmann::ordered_json kConfig = {{"multiplier", 1.0}, {"algo", "lokr"}};
const Tensors kTensors = {{"lycoris_x.alpha", at::scalar_tensor(10000.0).to(at::kBFloat16)},
                          {"lycoris_x.lokr_w1", at::ones({2, 2}, at::kBFloat16)},
                          {"lycoris_x.lokr_w2", at::full({4, 3}, 0.5, at::kBFloat16)}};

AdapterFiles files_of(const FileFacts& facts = {}) {
  return lokr_files(kConfig, kTensors, facts);
}

TEST(LokrFile, CarriesItsConfiguration) {
  EXPECT_EQ(files_of().metadata.at("lycoris_config"), R"({"multiplier":1.0,"algo":"lokr"})");
}

TEST(LokrFile, ReadsBackWhatItWrote) {
  const test::TempDir folder;
  files_of({.step = 7}).write(folder / "ema");
  const auto found = read_adapter(folder / "ema");
  EXPECT_EQ(found.size(), kTensors.size());
  for (const auto& [name, value] : kTensors) EXPECT_TENSOR_EQ(found.at(name), value);
  const FileOrigin origin = read_origin(folder / "ema/pytorch_lora_weights.safetensors");
  EXPECT_EQ(origin.step, 7);
  EXPECT_EQ(origin.lycoris_config, kConfig);
}

TEST(LokrFile, KeepsTheConfigurationInItsOrder) {
  const test::TempDir folder;
  files_of().write(folder.path());
  const std::string text = io::read_file(folder / "lycoris_config.json");
  EXPECT_LT(text.find("multiplier"), text.find("algo"));
}

TEST(LokrFile, AFileMaySayNothingOfItsOrigin) {
  const test::TempDir folder;
  AdapterFiles files = files_of();
  files.metadata = {{"lycoris_config", "not json"}, {"global_step", "soon"}};
  files.write(folder.path());
  const FileOrigin origin = read_origin(folder.path());
  EXPECT_FALSE(origin.step.has_value());
  EXPECT_FALSE(origin.lycoris_config.has_value());
}

}  // namespace
}  // namespace omnigen::adapter
