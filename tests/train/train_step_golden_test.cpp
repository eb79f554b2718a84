// Whole training steps of an adapter against diffusers + LyCORIS + torch (tests/golden/loss).
#include <gtest/gtest.h>

#include "adapter/lycoris_config.h"
#include "comm/single_group.h"
#include "model/weight_map.h"
#include "optim/adamw.h"
#include "support/golden.h"
#include "support/tensor_near.h"
#include "train/flow_matching.h"
#include "train/train_step.h"

namespace omnigen::train {
namespace {

using test::GoldenCase;

// The reference's samples carry a leading batch dimension of one.
TrainSample step_sample_of(const GoldenCase& golden, int64_t step, int64_t index) {
  const std::string sample = fmt::format("sample.{}.", index);
  const std::string drawn = fmt::format("step.{}.sample.{}.", step, index);
  const at::Tensor x1 = golden[sample + "x1"][0];
  const at::Tensor x0 = golden[drawn + "x0"][0];
  const float t = golden[drawn + "t"].item<float>();
  const FlowPair pair = interpolate(x1, x0, t);
  EXPECT_TENSOR_NEAR(pair.x_t, golden[drawn + "x_t"][0], test::kExactArithmetic);
  EXPECT_TENSOR_NEAR(pair.target, golden[drawn + "target"][0], test::kExactArithmetic);

  TrainSample result;
  const at::Tensor ids = golden[sample + "input_ids"].flatten();
  result.input = {
      pair.x_t, t, {ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()}, {}};
  if (golden.has(sample + "slots")) {
    const at::Tensor slots = golden[sample + "slots"];
    for (int64_t k = 0; k < slots.size(0); ++k) {
      result.input.input_images.push_back(
          {golden[fmt::format("{}input_image_latents.{}", sample, k)][0],
           slots[k][0].item<int64_t>(), slots[k][1].item<int64_t>()});
    }
  }
  result.target_CHW = pair.target;
  return result;
}

TrainMicroBatch batch_of(const GoldenCase& golden, int64_t step) {
  TrainMicroBatch batch;
  for (int64_t i = 0; golden.has(fmt::format("sample.{}.x1", i)); ++i) {
    batch.push_back(step_sample_of(golden, step, i));
  }
  return batch;
}

std::map<std::string, at::Tensor> tensors_below(const GoldenCase& golden,
                                                const std::string& prefix) {
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : golden.names_below(prefix)) tensors[name] = golden[prefix + name];
  return tensors;
}

// Everything one case needs, attached to one another.
struct Fixture {
  explicit Fixture(const GoldenCase& golden)
      : transformer(model::load_transformer(
            test::golden_dir() / golden.json.at("config").at("model").get<std::string>(),
            {at::kFloat, at::kCPU})),
        adapters(adapter::LycorisConfig::from_json(golden.json.at("config").at("lycoris_config"),
                                                   golden.name()),
                 transformer->module_tree(), 0) {
    adapters.load_state_dict(tensors_below(golden, "initial."), golden.name());
    for (const auto& [name, value] : adapters.parameters()) parameters.push_back({name, value});
    gradients = std::make_unique<optim::FlatGradients>(parameters);
    const auto& options = golden.json.at("config").at("optimizer");
    optimizer = std::make_unique<optim::AdamW>(
        parameters, optim::AdamWOptions{
                        options.at("betas")[0].get<double>(), options.at("betas")[1].get<double>(),
                        options.at("eps").get<double>(), options.at("weight_decay").get<double>()});
  }

  std::unique_ptr<model::OmniGenTransformer> transformer;
  adapter::AdapterSet adapters;
  std::vector<optim::Parameter> parameters;
  std::unique_ptr<optim::FlatGradients> gradients;
  std::unique_ptr<optim::Optimizer> optimizer;
  comm::SingleGroup group;
};

void expect_factors(const GoldenCase& golden, const std::string& prefix,
                    const std::map<std::string, at::Tensor>& actual,
                    const test::Tolerance& tolerance) {
  const auto expected = tensors_below(golden, prefix);
  EXPECT_FALSE(expected.empty()) << prefix;
  for (const auto& [name, value] : expected) {
    if (name.ends_with(".alpha")) continue;
    SCOPED_TRACE(prefix + name);
    ASSERT_TRUE(actual.contains(name));
    EXPECT_TENSOR_NEAR(actual.at(name), value, tolerance);
  }
}

std::map<std::string, at::Tensor> gradients_of(const adapter::AdapterSet& adapters) {
  std::map<std::string, at::Tensor> gradients;
  for (const auto& [name, value] : adapters.parameters()) gradients[name] = value.grad().clone();
  return gradients;
}

void run_case(const GoldenCase& golden, bool packed) {
  Fixture fixture(golden);
  TrainStep train_step({*fixture.transformer,
                        &fixture.adapters,
                        *fixture.gradients,
                        *fixture.optimizer,
                        fixture.group,
                        {}});
  const double rate = golden.json.at("config").at("optimizer").at("lr").get<double>();
  for (int64_t step = 1; golden.has(fmt::format("step.{}.loss", step)); ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    const TrainMicroBatch batch = batch_of(golden, step);
    std::vector<TrainMicroBatch> micro_batches;
    if (packed) {
      micro_batches.push_back(batch);
    } else {
      for (const TrainSample& sample : batch) micro_batches.push_back({sample});
    }
    const StepResult result = train_step.run(micro_batches, rate);
    const std::string prefix = fmt::format("step.{}.", step);
    EXPECT_TENSOR_NEAR(at::scalar_tensor(result.loss), golden[prefix + "loss"], test::kLossValue);
    for (size_t i = 0; i < batch.size(); ++i) {
      EXPECT_TENSOR_NEAR(at::scalar_tensor(result.sample_losses[i]),
                         golden[fmt::format("{}sample.{}.loss", prefix, i)], test::kLossValue);
    }
    expect_factors(golden, prefix + "grad.", gradients_of(fixture.adapters), test::kFactorGradient);
    expect_factors(golden, prefix + "param.", fixture.adapters.state_dict(at::kFloat),
                   test::kFactorAfterSteps);
  }
}

TEST(TrainStepGolden, PackedMicroBatchMatchesTheReference) {
  for (const GoldenCase& golden : test::golden_cases("loss")) {
    SCOPED_TRACE(golden.name());
    run_case(golden, true);
  }
}

TEST(TrainStepGolden, AccumulatedSamplesMatchTheReference) {
  for (const GoldenCase& golden : test::golden_cases("loss")) {
    SCOPED_TRACE(golden.name());
    run_case(golden, false);
  }
}

TEST(TrainStepGolden, CheckpointedBlocksMatchTheReference) {
  for (const GoldenCase& golden : test::golden_cases("loss")) {
    SCOPED_TRACE(golden.name());
    Fixture fixture(golden);
    const auto layers = static_cast<size_t>(fixture.transformer->config().num_layers);
    const std::vector<model::Recompute> every_block(layers, model::Recompute::kFull);
    fixture.transformer->set_recompute(every_block, [&fixture](int64_t block) {
      return fixture.adapters.parameters_below(fmt::format("layers.{}.", block));
    });
    TrainStep train_step({*fixture.transformer,
                          &fixture.adapters,
                          *fixture.gradients,
                          *fixture.optimizer,
                          fixture.group,
                          {}});
    train_step.run({batch_of(golden, 1)}, 0.0);
    expect_factors(golden, "step.1.grad.", gradients_of(fixture.adapters), test::kFactorGradient);
  }
}

}  // namespace
}  // namespace omnigen::train
