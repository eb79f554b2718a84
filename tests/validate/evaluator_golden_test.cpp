#include <gtest/gtest.h>

#include "adapter/adapter_set.h"
#include "adapter/lycoris_config.h"
#include "model/weight_map.h"
#include "support/golden.h"
#include "support/tensor_near.h"
#include "validate/evaluator.h"

namespace omnigen::validate {
namespace {

EvalSample sample_of(const test::GoldenCase& golden, size_t index) {
  const std::string prefix = "sample." + std::to_string(index) + ".";
  EvalSample sample;
  sample.x1_CHW = golden[prefix + "x1"].squeeze(0);
  sample.noise_CHW = golden[prefix + "noise"].squeeze(0);
  const at::Tensor ids = golden[prefix + "input_ids"].view(-1);
  sample.input_ids = {ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()};
  if (!golden.has(prefix + "slots")) return sample;
  const at::Tensor slots = golden[prefix + "slots"];
  for (int64_t k = 0; k < slots.size(0); ++k) {
    sample.input_images.push_back(
        {golden[prefix + "input_image_latents." + std::to_string(k)].squeeze(0),
         slots[k][0].item<int64_t>(), slots[k][1].item<int64_t>()});
  }
  return sample;
}

// The file names trained factors only; alphas stay as they were made.
void load_factors(adapter::AdapterSet& adapters, const test::GoldenCase& golden,
                  const std::string& weights) {
  auto state = adapters.state_dict(at::kFloat);
  for (const std::string& name : golden.names_below(weights + ".lycoris_")) {
    state["lycoris_" + name] = golden[weights + ".lycoris_" + name];
  }
  adapters.load_state_dict(state, golden.name());
}

TEST(EvaluatorGolden, LossesAgree) {
  for (const auto& golden : test::golden_cases("eval", "evaluation_loss")) {
    SCOPED_TRACE(golden.name());
    const auto& config = golden.json.at("config");
    const auto transformer = model::load_transformer(
        test::golden_dir() / config.at("model").get<std::string>(), {at::kFloat, at::kCPU});
    adapter::AdapterSet adapters(
        adapter::LycorisConfig::from_json(config.at("lycoris_config"), golden.name()),
        transformer->module_tree(), 0);
    for (const std::string& name : golden.names_below("losses.")) {  // "live.28"
      SCOPED_TRACE(name);
      load_factors(adapters, golden, name.substr(0, name.find('.')));
      const at::Tensor expected = golden["losses." + name];
      const auto times = eval_times(expected.size(1));
      at::Tensor losses = at::empty(expected.sizes(), at::kDouble);
      for (int64_t i = 0; i < expected.size(0); ++i) {
        const EvalSample sample = sample_of(golden, static_cast<size_t>(i));
        for (int64_t k = 0; k < expected.size(1); ++k) {
          losses[i][k] = eval_loss(*transformer, sample, times[static_cast<size_t>(k)]);
        }
      }
      EXPECT_TENSOR_NEAR(at::tensor(times), golden["t." + std::to_string(times.size())],
                         test::kExactArithmetic);
      EXPECT_TENSOR_NEAR(losses, expected, test::kLossValue);
      EXPECT_TENSOR_NEAR(losses.mean(), golden["mean." + name], test::kLossValue);
      EXPECT_TENSOR_NEAR(losses.mean(0), golden["by_t." + name], test::kLossValue);
    }
  }
}

}  // namespace
}  // namespace omnigen::validate
