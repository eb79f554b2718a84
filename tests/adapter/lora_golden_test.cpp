// LoRA adapters that peft saved, on the diffusers model (tests/golden/lora).
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "adapter/adapter_set.h"
#include "adapter/lora_config.h"
#include "adapter/peft_file.h"
#include "io/safetensors_reader.h"
#include "model/weight_map.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::adapter {
namespace {

namespace fs = std::filesystem;
using test::GoldenCase;

std::vector<GoldenCase> lora_cases() {
  std::vector<GoldenCase> cases;
  for (const auto& entry : fs::directory_iterator(test::golden_dir() / "lora")) {
    if (!entry.is_directory()) continue;
    cases.push_back(test::golden_case("lora/" + entry.path().filename().string(), "numbers"));
  }
  EXPECT_FALSE(cases.empty());
  return cases;
}

fs::path folder_of(const GoldenCase& golden) {
  return golden.path.parent_path();
}

LoraConfig config_of(const GoldenCase& golden) {
  const fs::path path = folder_of(golden) / kPeftConfigFile;
  return LoraConfig::from_peft(nlohmann::ordered_json(test::read_json(path)), path.string());
}

// The tiny model with the case's adapter loaded.
struct Adapted {
  explicit Adapted(const GoldenCase& golden)
      : transformer(
            model::load_transformer(test::golden_dir() / "tiny-omnigen", {at::kFloat, at::kCPU})),
        tree(transformer->module_tree()),
        config(config_of(golden)),
        adapters(config, tree, 0) {
    adapters.load_state_dict(read_adapter(folder_of(golden)), golden.path.string());
  }

  std::unique_ptr<model::OmniGenTransformer> transformer;
  nn::ModuleTree tree;
  LoraConfig config;
  AdapterSet adapters;
};

model::PackedSample sample_of(const GoldenCase& golden, const at::Tensor& x_t) {
  model::PackedSample sample;
  sample.latent_CHW = x_t;
  sample.timestep = golden["t"].item<float>();
  const at::Tensor ids = golden["input_ids"].flatten().contiguous();
  sample.input_ids.assign(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel());
  if (!golden.has("slots")) return sample;
  const at::Tensor slots = golden["slots"];
  for (int64_t i = 0; i < slots.size(0); ++i) {
    sample.input_images.push_back({golden[fmt::format("input_image_latents.{}", i)][0],
                                   slots[i][0].item<int64_t>(), slots[i][1].item<int64_t>()});
  }
  return sample;
}

TEST(LoraGolden, AdaptsTheLayersOfTheFileWithItsScales) {
  for (const GoldenCase& golden : lora_cases()) {
    SCOPED_TRACE(golden.path);
    const Adapted adapted(golden);
    const auto& scales = golden.json.at("config").at("scales");
    EXPECT_EQ(adapted.adapters.num_modules(), scales.size());
    for (const AdapterSet::Entry& entry : adapted.adapters.entries()) {
      EXPECT_DOUBLE_EQ(entry.adapter->scale(), scales.at(entry.module_name).get<double>());
      EXPECT_TENSOR_NEAR(entry.adapter->delta_weight(), golden["delta." + entry.module_name],
                         test::kLokrDelta);
    }
  }
}

TEST(LoraGolden, PredictionLossAndGradientsMatchPeft) {
  for (const GoldenCase& golden : lora_cases()) {
    SCOPED_TRACE(golden.path);
    Adapted adapted(golden);
    const at::Tensor x_t = golden["x_t"][0].clone().requires_grad_();
    const at::Tensor output = adapted.transformer->forward({sample_of(golden, x_t)})[0];
    EXPECT_TENSOR_NEAR(output, golden["output"][0], test::kTransformerOutput);
    const at::Tensor loss = (output - golden["target"][0]).square().mean();
    EXPECT_TENSOR_NEAR(loss, golden["loss"], test::kLossValue);
    loss.backward();
    EXPECT_TENSOR_NEAR(x_t.grad(), golden["grad.x_t"][0], test::kFactorGradient);
    for (const auto& [name, value] : adapted.adapters.parameters()) {
      EXPECT_TENSOR_NEAR(value.grad(), golden["grad." + name], test::kFactorGradient);
    }
  }
}

TEST(LoraGolden, MultiplierZeroAndTheMergedModelMatchPeft) {
  for (const GoldenCase& golden : lora_cases()) {
    SCOPED_TRACE(golden.path);
    Adapted adapted(golden);
    const at::NoGradGuard no_grad;
    const auto predict = [&] {
      return adapted.transformer->forward({sample_of(golden, golden["x_t"][0])})[0];
    };
    adapted.adapters.set_multiplier(0.0);
    EXPECT_TENSOR_NEAR(predict(), golden["base_output"][0], test::kTransformerOutput);
    adapted.adapters.set_multiplier(1.0);
    adapted.adapters.merge_into(adapted.tree);
    EXPECT_TENSOR_NEAR(predict(), golden["output"][0], test::kTransformerOutput);
  }
}

TEST(LoraGolden, WritesWhatPeftWrote) {
  for (const GoldenCase& golden : lora_cases()) {
    SCOPED_TRACE(golden.path);
    const Adapted adapted(golden);
    const AdapterFiles files = adapted.config.files(adapted.adapters.state_dict(at::kFloat), {});
    const io::SafetensorsReader expected(folder_of(golden) / kPeftFile);
    EXPECT_EQ(files.tensors.size(), expected.tensors().size());
    for (const auto& [name, info] : expected.tensors()) {
      ASSERT_TRUE(files.tensors.contains(name)) << name;
      EXPECT_TENSOR_EQ(files.tensors.at(name), expected.tensor(name));
    }
    const auto config = nlohmann::json::parse(files.texts.at(kPeftConfigFile));
    const auto reference = test::read_json(folder_of(golden) / kPeftConfigFile);
    for (const auto& [key, value] : config.items()) EXPECT_EQ(value, reference.at(key)) << key;
  }
}

}  // namespace
}  // namespace omnigen::adapter
