// Masked and prior-preserving losses against diffusers + LyCORIS (tests/golden/eval).
#include <gtest/gtest.h>

#include "adapter/lycoris_config.h"
#include "comm/single_group.h"
#include "data/loss_mask.h"
#include "model/weight_map.h"
#include "optim/adamw.h"
#include "support/golden.h"
#include "support/tensor_near.h"
#include "train/flow_matching.h"
#include "train/train_step.h"

namespace omnigen::train {
namespace {

using test::GoldenCase;

data::Image picture_of(const at::Tensor& pixels_HWC) {
  data::Image image{pixels_HWC.size(1), pixels_HWC.size(0), {}};
  const auto* bytes = pixels_HWC.const_data_ptr<uint8_t>();
  image.pixels.assign(bytes, bytes + pixels_HWC.numel());
  return image;
}

TrainSample sample_of(const GoldenCase& golden, int64_t index, const std::string& kind) {
  const std::string name = fmt::format("sample.{}.", index);
  const float t = golden[name + "t"].item<float>();
  const FlowPair pair = interpolate(golden[name + "x1"][0], golden[name + "x0"][0], t);
  TrainSample sample;
  const at::Tensor ids = golden[name + "input_ids"].flatten();
  sample.input = {
      pair.x_t, t, {ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()}, {}};
  if (golden.has(name + "slots")) {
    const at::Tensor slots = golden[name + "slots"];
    for (int64_t k = 0; k < slots.size(0); ++k) {
      sample.input.input_images.push_back(
          {golden[fmt::format("{}input_image_latents.{}", name, k)][0], slots[k][0].item<int64_t>(),
           slots[k][1].item<int64_t>()});
    }
  }
  sample.target_CHW = pair.target;
  sample.regularisation = kind == "prior";
  if (kind != "mask" && kind != "segmentation") return sample;
  sample.weights_HW =
      data::mask_weights(picture_of(golden[name + "mask_picture"]),
                         kind == "mask" ? data::MaskKind::kSoft : data::MaskKind::kSegmentation,
                         pair.target.size(1), pair.target.size(2));
  EXPECT_TENSOR_NEAR(sample.weights_HW, golden[fmt::format("{}.weight.{}", kind, index)][0][0],
                     test::kExactArithmetic);
  return sample;
}

void expect_kind(const GoldenCase& golden, const std::string& kind) {
  const auto& config = golden.json.at("config");
  const auto transformer = model::load_transformer(
      test::golden_dir() / config.at("model").get<std::string>(), {at::kFloat, at::kCPU});
  adapter::AdapterSet adapters(
      adapter::LycorisConfig::from_json(config.at("lycoris_config"), golden.name()),
      transformer->module_tree(), 0);
  adapter::Tensors values;
  for (const std::string& name : golden.names_below("adapter.")) {
    values[name] = golden["adapter." + name];
  }
  adapters.load_state_dict(values, golden.name());
  std::vector<optim::Parameter> parameters;
  for (const auto& [name, value] : adapters.parameters()) parameters.push_back({name, value});
  optim::FlatGradients gradients(parameters);
  optim::AdamW optimizer(parameters, {});
  comm::SingleGroup group;
  TrainStep step({*transformer, &adapters, gradients, optimizer, group, {}});

  TrainMicroBatch batch;
  for (int64_t i = 0; golden.has(fmt::format("sample.{}.x1", i)); ++i) {
    batch.push_back(sample_of(golden, i, kind));
  }
  const StepResult result = step.run({batch}, 0.0);
  EXPECT_TENSOR_NEAR(at::scalar_tensor(result.loss), golden[kind + ".loss"], test::kLossValue);
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_TENSOR_NEAR(at::scalar_tensor(result.sample_losses[i]),
                       golden[fmt::format("{}.loss.{}", kind, i)], test::kLossValue);
  }
  for (const optim::Parameter& parameter : parameters) {
    SCOPED_TRACE(parameter.name);
    EXPECT_TENSOR_NEAR(parameter.value.grad(), golden[kind + ".grad." + parameter.name],
                       test::kFactorGradient);
  }
}

TEST(FlowMatchingGolden, EveryKindOfLossAndItsGradientsAgree) {
  for (const GoldenCase& golden : test::golden_cases("eval", "training_losses")) {
    for (const char* kind : {"plain", "mask", "segmentation", "prior"}) {
      SCOPED_TRACE(golden.name() + " " + kind);
      expect_kind(golden, kind);
    }
  }
}

}  // namespace
}  // namespace omnigen::train
