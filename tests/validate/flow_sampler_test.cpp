#include "validate/flow_sampler.h"

#include <gtest/gtest.h>

#include "support/tensor_near.h"
#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

SampleRequest text_request(at::IntArrayRef shape) {
  SampleRequest request;
  request.noise_CHW = initial_noise(1, 0, shape);
  request.cond.input_ids = {1, 5, 9, 13};
  request.uncond.input_ids = {1, 7, 2, 8, 30, 31};
  return request;
}

SamplerOptions options_of(int64_t steps, double guidance) {
  SamplerOptions options;
  options.num_steps = steps;
  options.guidance = guidance;
  return options;
}

TEST(TimeGrid, RunsFromNoiseToOne) {
  const auto times = time_grid(7, 1.0);
  ASSERT_EQ(times.size(), 8U);
  EXPECT_EQ(times.front(), 0.0F);
  EXPECT_EQ(times.back(), 1.0F);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

TEST(TimeGrid, ShiftSpendsMoreStepsNearNoise) {
  const auto even = time_grid(10, 1.0);
  const auto shifted = time_grid(10, 3.0);
  for (size_t i = 1; i < 10; ++i) EXPECT_LT(shifted[i], even[i]);
  EXPECT_THROW(time_grid(0, 1.0), c10::Error);
  EXPECT_THROW(time_grid(5, 0.0), c10::Error);
}

TEST(Guide, FollowsTheFormulae) {
  const at::Tensor cond = at::tensor({1.0F, 2.0F});
  const at::Tensor uncond = at::tensor({0.0F, 1.0F});
  const at::Tensor img_cond = at::tensor({0.5F, 0.0F});
  SamplerOptions options = options_of(1, 3.0);
  options.image_guidance = 2.0;
  EXPECT_TENSOR_EQ(guide(cond, uncond, {}, options), at::tensor({3.0F, 4.0F}));
  // u + 2·(i − u) + 3·(c − i)
  EXPECT_TENSOR_EQ(guide(cond, uncond, img_cond, options), at::tensor({2.5F, 5.0F}));
}

TEST(Guide, FullRescaleHasTheConditionalsDeviation) {
  const at::Tensor cond = initial_noise(1, 0, {4, 8, 8});
  const at::Tensor uncond = initial_noise(1, 1, {4, 8, 8});
  SamplerOptions options = options_of(1, 4.0);
  const double plain = guide(cond, uncond, {}, options).std().item<double>();
  options.guidance_rescale = 1.0;
  const double full = guide(cond, uncond, {}, options).std().item<double>();
  options.guidance_rescale = 0.7;
  const double mixed = guide(cond, uncond, {}, options).std().item<double>();
  const double of_cond = cond.std().item<double>();
  EXPECT_NEAR(full, of_cond, 1e-5);
  EXPECT_NEAR(mixed, 0.7 * of_cond + 0.3 * plain, 1e-4);
}

TEST(FlowSampler, GuidanceOneIsTheConditionalAlone) {
  const auto transformer = test::tiny_transformer();
  const SampleRequest request = text_request({4, 4, 6});
  const at::Tensor guided = FlowSampler(*transformer, options_of(3, 1.0)).sample(request);
  at::Tensor latent = request.noise_CHW;
  const at::NoGradGuard no_grad;
  const auto times = time_grid(3, 1.0);
  for (size_t i = 0; i < 3; ++i) {
    const auto velocity =
        transformer->forward({{latent, times[i], request.cond.input_ids, {}}}).front();
    latent = latent + (times[i + 1] - times[i]) * velocity;
  }
  EXPECT_TENSOR_NEAR(guided, latent, (test::Tolerance{"guidance 1", 1e-5}));
}

TEST(FlowSampler, EveryStepForwardsBothBranches) {
  const auto transformer = test::tiny_transformer();
  int64_t num_forwards = 0;
  int64_t num_steps = 0;
  transformer->set_stage_observer([&](const std::string& name, const at::Tensor& value) {
    if (name == "time_token") num_forwards += value.size(0);
  });
  static_cast<void>(FlowSampler(*transformer, options_of(20, 2.0))
                        .sample(text_request({4, 4, 4}),
                                [&](const auto& step) { EXPECT_EQ(step.index, num_steps++); }));
  EXPECT_EQ(num_steps, 20);
  EXPECT_EQ(num_forwards, 40);
}

TEST(FlowSampler, ImageBranchTakesPart) {
  const auto transformer = test::tiny_transformer();
  SampleRequest request = text_request({4, 4, 4});
  const model::InputImage image = {initial_noise(5, 0, {4, 4, 4}), 2, 6};
  request.cond = {{1, 5, 0, 0, 0, 0, 9}, {image}};
  const FlowSampler sampler(*transformer, options_of(2, 2.0));
  const at::Tensor without = sampler.sample(request);
  request.img_cond = GuidanceBranch{{1, 3, 0, 0, 0, 0, 4}, {image}};
  EXPECT_GT(test::error_to_peak(sampler.sample(request), without), 1e-3);
}

TEST(FlowSampler, ResultIsRepeatableAndNeedsNoGradient) {
  const auto transformer = test::tiny_transformer();
  const FlowSampler sampler(*transformer, options_of(2, 2.0));
  const at::Tensor first = sampler.sample(text_request({4, 4, 4}));
  EXPECT_FALSE(first.requires_grad());
  EXPECT_TENSOR_EQ(sampler.sample(text_request({4, 4, 4})), first);
}

TEST(InitialNoise, DependsOnSeedAndDrawOnly) {
  EXPECT_TENSOR_EQ(initial_noise(42, 0, {4, 8, 8}), initial_noise(42, 0, {4, 8, 8}));
  EXPECT_FALSE(at::equal(initial_noise(42, 0, {4, 8, 8}), initial_noise(43, 0, {4, 8, 8})));
  EXPECT_FALSE(at::equal(initial_noise(42, 0, {4, 8, 8}), initial_noise(42, 1, {4, 8, 8})));
  EXPECT_NEAR(initial_noise(42, 0, {4, 64, 64}).std().item<double>(), 1.0, 0.02);
}

}  // namespace
}  // namespace omnigen::validate
