#include <gtest/gtest.h>

#include "adapter/lokr.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::adapter {
namespace {

using test::GoldenCase;

LokrOptions options_of(const nlohmann::json& config) {
  LokrOptions options;
  options.linear_dim = config.at("dim").get<int64_t>();
  options.linear_alpha = config.at("alpha").get<double>();
  options.factor = config.at("factor").get<int64_t>();
  options.full_matrix = config.value("full_matrix", false);
  options.decompose_both = config.value("decompose_both", false);
  options.unbalanced_factorization = config.value("unbalanced_factorization", false);
  options.rs_lora = config.value("rs_lora", false);
  return options;
}

struct Layer {
  explicit Layer(const GoldenCase& golden) {
    const auto& config = golden.json.at("config");
    const LokrShape shape = lokr_shape(config.at("out").get<int64_t>(),
                                       config.at("in").get<int64_t>(), options_of(config));
    factors = std::make_shared<LokrFactors>(shape, golden.name(), 0, at::kCPU);
    factors->set_multiplier(config.value("multiplier", 1.0));
    const at::NoGradGuard no_grad;
    for (const auto& [name, value] : factors->factors())
      value.detach().copy_(golden["factor." + name]);
    linear.weight = golden["base_weight"];
    if (golden.has("base_bias")) linear.bias = golden["base_bias"];
    linear.adapter = factors;
  }

  std::shared_ptr<LokrFactors> factors;
  nn::Linear linear;
};

TEST(LokrGolden, ChoosesFactorsAlphaAndScaleAsTheReference) {
  for (const GoldenCase& golden : test::golden_cases("lokr", "linear_")) {
    SCOPED_TRACE(golden.name());
    const auto& config = golden.json.at("config");
    const LokrShape shape = lokr_shape(config.at("out").get<int64_t>(),
                                       config.at("in").get<int64_t>(), options_of(config));
    for (const auto& [name, sizes] : shape.factors()) {
      EXPECT_EQ(golden["factor." + name].sizes().vec(), sizes) << name;
    }
    EXPECT_EQ(shape.factors().size(), golden.names_below("factor.").size());
    EXPECT_DOUBLE_EQ(shape.scale, config.at("scale").get<double>());
    EXPECT_FLOAT_EQ(static_cast<float>(shape.alpha), golden["alpha"].item<float>());
  }
}

TEST(LokrGolden, DeltaWeightAppliesTheScaleOnce) {
  for (const GoldenCase& golden : test::golden_cases("lokr", "linear_")) {
    SCOPED_TRACE(golden.name());
    EXPECT_TENSOR_NEAR(Layer(golden).factors->delta_weight(), golden["delta_weight"],
                       test::kLokrDelta);
  }
}

TEST(LokrGolden, ForwardAndBackwardMatchTheReference) {
  for (const GoldenCase& golden : test::golden_cases("lokr", "linear_")) {
    SCOPED_TRACE(golden.name());
    const Layer layer(golden);
    at::Tensor x = golden["x"].set_requires_grad(true);
    const at::Tensor output = layer.linear.forward(x);
    EXPECT_TENSOR_NEAR(output, golden["output"], test::kLokrOutput);
    torch::autograd::backward({output}, {golden["grad_output"]});
    EXPECT_TENSOR_NEAR(x.grad(), golden["grad.x"], test::kLokrOutput);
    for (const auto& [name, value] : layer.factors->factors()) {
      EXPECT_TENSOR_NEAR(value.grad(), golden["grad." + name], test::kLokrOutput);
    }
    EXPECT_FALSE(layer.linear.weight.grad().defined());
  }
}

}  // namespace
}  // namespace omnigen::adapter
