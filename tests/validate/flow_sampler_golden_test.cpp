#include <gtest/gtest.h>

#include "model/weight_map.h"
#include "support/golden.h"
#include "support/tensor_near.h"
#include "validate/flow_sampler.h"
#include "validate/latent_image.h"

namespace omnigen::validate {
namespace {

// All cases of the folder but the time grids.
std::vector<test::GoldenCase> sampler_runs() {
  std::vector<test::GoldenCase> runs;
  for (const auto& golden : test::golden_cases("sampler")) {
    if (golden.has("initial_latents")) runs.push_back(golden);
  }
  return runs;
}

at::Tensor without_batch(const at::Tensor& tensor) {
  return tensor.squeeze(0);
}

GuidanceBranch branch_of(const test::GoldenCase& golden, const std::string& name) {
  GuidanceBranch branch;
  const at::Tensor ids = golden[name + ".input_ids"].view(-1);
  branch.input_ids = {ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()};
  if (!golden.has(name + ".slots")) return branch;
  const at::Tensor slots = golden[name + ".slots"];
  for (int64_t k = 0; k < slots.size(0); ++k) {
    branch.input_images.push_back(
        {without_batch(golden[name + ".input_image_latents." + std::to_string(k)]),
         slots[k][0].item<int64_t>(), slots[k][1].item<int64_t>()});
  }
  return branch;
}

SampleRequest request_of(const test::GoldenCase& golden) {
  SampleRequest request;
  request.noise_CHW = without_batch(golden["initial_latents"]);
  request.cond = branch_of(golden, "cond");
  request.uncond = branch_of(golden, "uncond");
  if (golden.has("img_cond.input_ids")) request.img_cond = branch_of(golden, "img_cond");
  return request;
}

SamplerOptions options_of(const test::GoldenCase& golden) {
  const auto& config = golden.json.at("config");
  SamplerOptions options;
  options.num_steps = config.at("steps").get<int64_t>();
  options.guidance = config.at("guidance").get<double>();
  options.image_guidance = config.value("image_guidance", options.image_guidance);
  options.guidance_rescale = config.value("guidance_rescale", 0.0);
  options.shift = config.value("shift", 1.0);
  return options;
}

std::filesystem::path model_of(const test::GoldenCase& golden) {
  return test::golden_dir() / golden.json.at("config").at("model").get<std::string>();
}

TEST(TimeGridGolden, EqualsTheScheduler) {
  const auto golden = test::golden_case("sampler", "time_grids");
  int num_grids = 0;
  for (const std::string& name : golden.names()) {
    if (!name.ends_with(".sigmas")) continue;
    SCOPED_TRACE(name);
    const size_t second = name.find(".steps_");  // "shift_1.steps_4.sigmas"
    ASSERT_TRUE(name.starts_with("shift_") && second != std::string::npos);
    const double shift = std::stod(name.substr(6, second - 6));
    const int64_t steps = std::stoll(name.substr(second + 7));
    EXPECT_TENSOR_NEAR(at::tensor(time_grid(steps, shift)), golden[name], test::kExactArithmetic);
    ++num_grids;
  }
  EXPECT_GT(num_grids, 0);
}

TEST(FlowSamplerGolden, EveryIntermediateAgrees) {
  for (const auto& golden : sampler_runs()) {
    SCOPED_TRACE(golden.name());
    const auto transformer = model::load_transformer(model_of(golden), {at::kFloat, at::kCPU});
    const SamplerOptions options = options_of(golden);
    int64_t num_steps = 0;
    const auto compare = [&](const SamplerStep& step) {
      const std::string i = "." + std::to_string(step.index);
      SCOPED_TRACE("step" + i);
      EXPECT_TENSOR_NEAR(step.cond_velocity_CHW, without_batch(golden["cond_velocity" + i]),
                         test::kSampler);
      EXPECT_TENSOR_NEAR(step.velocity_CHW, without_batch(golden["velocity" + i]), test::kSampler);
      EXPECT_TENSOR_NEAR(step.latent_CHW, without_batch(golden["latents" + i]), test::kSampler);
      ++num_steps;
    };
    const at::Tensor latent =
        FlowSampler(*transformer, options).sample(request_of(golden), compare);
    EXPECT_EQ(num_steps, options.num_steps);
    EXPECT_TENSOR_NEAR(latent, without_batch(golden["final_latents"]), test::kSampler);
    EXPECT_TENSOR_NEAR(at::tensor(time_grid(options.num_steps, options.shift)), golden["sigmas"],
                       test::kExactArithmetic);
  }
}

// Largest difference, and share of values that differ at all: those on the edge between two levels.
void expect_same_picture(const at::Tensor& actual, const at::Tensor& expected) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  const at::Tensor difference = (actual.to(at::kInt) - expected.to(at::kInt)).abs();
  EXPECT_LE(difference.max().item<int>(), 1);
  EXPECT_LE(difference.to(at::kFloat).mean().item<double>(), 0.005);
}

TEST(FlowSamplerGolden, PicturesAgree) {
  int num_pictures = 0;
  for (const auto& golden : sampler_runs()) {
    if (!golden.has("decoded")) continue;
    SCOPED_TRACE(golden.name());
    const auto autoencoder =
        model::load_autoencoder(model_of(golden) / "vae", {at::kFloat, at::kCPU});
    const at::NoGradGuard no_grad;
    const at::Tensor latent = golden["final_latents"];
    EXPECT_TENSOR_NEAR(autoencoder->decode(autoencoder->unscale_latent(latent)), golden["decoded"],
                       test::kVae);
    expect_same_picture(to_uint8(golden["decoded"].squeeze(0)), golden["decoded_u8"]);
    const data::Image image = decode_latent(*autoencoder, without_batch(latent));
    expect_same_picture(at::tensor(image.pixels).view({image.height, image.width, 3}),
                        golden["decoded_u8"]);
    ++num_pictures;
  }
  EXPECT_GT(num_pictures, 0);
}

}  // namespace
}  // namespace omnigen::validate
