#include "train/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/safetensors_reader.h"
#include "support/tensor_near.h"
#include "train/export_fixture.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using Weights = std::map<std::string, at::Tensor>;

Weights stored(const fs::path& folder) {
  return model::stored_weights(folder, model::read_transformer_config(folder));
}

std::string refusal(const std::vector<std::string>& args) {
  try {
    run_export(args);
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

// The model's weight plus what an adapter set says, in float32.
Weights merged(const adapter::AdapterSet& adapters, double strength = 1.0) {
  Weights weights;
  for (const auto& [name, value] : stored(tiny_model())) weights[name] = value.to(at::kFloat);
  for (size_t i = 0; i < adapters.entries().size(); ++i) {
    at::Tensor& weight = weights.at(adapters.entries()[i].module_name + ".weight");
    weight = adapters.delta_weight(i).mul(strength).add(weight);
  }
  return weights;
}

void expect_weights(const Weights& actual, const Weights& expected, at::ScalarType dtype) {
  for (const auto& [name, value] : expected) {
    SCOPED_TRACE(name);
    EXPECT_TENSOR_EQ(actual.at(name), value.to(dtype));
  }
}

struct Target {
  test::TempDir dir;
  fs::path path = dir / "out";
  std::string option = "--to=" + path.string();
};

TEST(Export, MergesLiveOrAveragedWeightsRoundedOnce) {
  const AdapterRun run(lokr_plan());
  for (const auto& [weights, adapters] :
       {std::pair{"live", &run.live}, std::pair{"ema", &run.average}}) {
    for (const auto& [name, dtype] :
         {std::pair{"fp32", at::kFloat}, {"bf16", at::kBFloat16}, {"fp16", at::kHalf}}) {
      const Target target;
      ASSERT_EQ(run_export({"--from=" + run.folder().string(), target.option,
                            fmt::format("--weights={}", weights), fmt::format("--dtype={}", name)}),
                0);
      expect_weights(stored(target.path), merged(*adapters), dtype);
      EXPECT_TRUE(fs::exists(target.path / "model_index.json"));
      EXPECT_TRUE(fs::exists(target.path / "tokenizer/tokenizer.json"));
    }
  }
}

TEST(Export, AnExportLoadsAndComputesWhatTheAdaptedModelDoes) {
  const AdapterRun run(lora_plan());
  const Target target;
  ASSERT_EQ(run_export({"--from", run.folder().string(), "--to", target.path.string()}), 0);
  const auto exported = model::load_transformer(target.path, {at::kFloat, at::kCPU});
  const auto base = model::load_transformer(tiny_model(), {at::kFloat, at::kCPU});
  adapter::AdapterSet::from_tensors(run.live.state_dict(at::kFloat), base->module_tree(), "test");
  const at::NoGradGuard no_grad;
  model::PackedSample sample;
  sample.latent_CHW = (at::arange(4 * 8 * 8, at::kFloat) * 0.3).sin().view({4, 8, 8});
  sample.timestep = 0.5;
  sample.input_ids = {1, 20, 300};
  EXPECT_TENSOR_NEAR(exported->forward({sample})[0], base->forward({sample})[0],
                     test::kTransformerOutput);
}

TEST(Export, StrengthScalesWhatIsMerged) {
  const AdapterRun run(lokr_plan());
  const Target target;
  ASSERT_EQ(run_export({"--from=" + run.folder().string(), target.option, "--strength=0.5"}), 0);
  expect_weights(stored(target.path), merged(run.live, 0.5), at::kFloat);
}

TEST(Export, AFileOfBfloatFactorsIsMergedAsItIs) {
  const AdapterRun run(lokr_plan(), at::kBFloat16);
  const Target target;
  ASSERT_EQ(run_export({"--from=" + (run.folder() / "pytorch_lora_weights.safetensors").string(),
                        target.option}),
            0);
  for (const auto& [name, value] : run.live.parameters()) {
    value.detach().copy_(value.detach().to(at::kBFloat16));
  }
  expect_weights(stored(target.path), merged(run.live), at::kFloat);
}

TEST(Export, AnAdapterAloneKeepsItsTensorsAndWhatItSaysOfItself) {
  const AdapterRun run(lokr_plan());
  const Target target;
  ASSERT_EQ(run_export({"--from=" + run.folder().string(), target.option, "--format=lycoris",
                        "--weights=ema", "--dtype=bf16"}),
            0);
  const io::SafetensorsReader file(target.path / "pytorch_lora_weights.safetensors");
  for (const auto& [name, value] : run.average.state_dict(at::kBFloat16)) {
    EXPECT_TENSOR_EQ(file.tensor(name), value);
  }
  EXPECT_EQ(file.metadata().at("global_step"), "7");
  EXPECT_TRUE(fs::exists(target.path / "lycoris_config.json"));
}

TEST(Export, ALoraBecomesAPeftFolder) {
  const AdapterRun run(lora_plan());
  const Target target;
  ASSERT_EQ(run_export({"--from=" + run.folder().string(), target.option, "--format=peft"}), 0);
  const auto tensors = adapter::read_adapter(target.path);
  for (const auto& [name, value] : run.live.state_dict(at::kFloat)) {
    EXPECT_TENSOR_EQ(tensors.at(name).to(at::kFloat), value);
  }
}

TEST(Export, ALokrBecomesAPeftFolderToo) {
  const AdapterRun run(lokr_plan());
  const Target target;
  ASSERT_EQ(run_export({"--from=" + run.folder().string(), target.option, "--format=peft"}), 0);
  const io::SafetensorsReader file(target.path / "adapter_model.safetensors");
  EXPECT_TENSOR_EQ(file.tensor("base_model.model.layers.1.self_attn.to_v.lokr_w2"),
                   run.live.state_dict(at::kFloat).at("lycoris_layers_1_self_attn_to_v.lokr_w2"));
  EXPECT_EQ(test::read_json(target.path / "adapter_config.json").at("peft_type"), "LOKR");
}

TEST(Export, NothingIsOverwrittenWithoutBeingTold) {
  const AdapterRun run(lokr_plan());
  const Target target;
  const std::vector<std::string> args = {"--from=" + run.folder().string(), target.option};
  ASSERT_EQ(run_export(args), 0);
  EXPECT_THAT(refusal(args), HasSubstr("add --overwrite"));
  std::vector<std::string> again = args;
  again.insert(again.end(), {"--overwrite", "--dtype=bf16"});
  EXPECT_EQ(run_export(again), 0);
  EXPECT_EQ(stored(target.path).at("norm.weight").scalar_type(), at::kBFloat16);
  EXPECT_FALSE(fs::exists(target.path.string() + ".tmp"));
}

TEST(Export, WhatIsNoExportIsNotReplaced) {
  const AdapterRun run(lokr_plan());
  const std::string from = "--from=" + run.folder().string();
  const test::TempDir other;
  io::write_atomically(other / "thesis.txt", "years of work");
  EXPECT_THAT(refusal({from, "--to=" + other.path().string(), "--overwrite"}),
              HasSubstr("not what an export has written"));
  EXPECT_THAT(refusal({from, "--to=" + run.folder().string(), "--overwrite"}),
              HasSubstr("which is to be read"));
  EXPECT_TRUE(fs::exists(other / "thesis.txt"));
}

TEST(Export, SaysWhatIsWrongWithItsArguments) {
  const AdapterRun run(lora_plan());
  const std::string from = "--from=" + run.folder().string();
  EXPECT_THAT(refusal({}), HasSubstr("--from is missing"));
  EXPECT_THAT(refusal({from}), HasSubstr("--to is missing"));
  EXPECT_THAT(refusal({from, "--to=x", "--format=difusers"}),
              HasSubstr("did you mean \"diffusers\"?"));
  EXPECT_THAT(refusal({from, "--to=x", "--weight=ema"}), HasSubstr("did you mean --weights?"));
  EXPECT_THAT(refusal({from, "--to=x", "--format=lycoris"}), HasSubstr("its layout is peft"));
  EXPECT_THAT(refusal({"--from=" + tiny_model().string(), "--to=x", "--format=peft"}),
              HasSubstr("holds a whole model"));
  EXPECT_THAT(refusal({from, "--to=x", "--format=original"}),
              HasSubstr("pos_embed_max_size: this model has 24"));
}

}  // namespace
}  // namespace omnigen::train
