// 500 steps of the tiny model in every way of computing it, on the same samples, noises and times:
// how far the losses drift apart.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "adapter/lycoris_config.h"
#include "comm/single_group.h"
#include "model/block_pass.h"
#include "model/weight_map.h"
#include "nn/gemm_switch.h"
#include "optim/adamw.h"
#include "support/golden.h"
#include "train/flow_matching.h"
#include "train/train_step.h"
#include "util/seed_stream.h"

namespace omnigen::train {
namespace {

constexpr int64_t kSteps = 500;
constexpr double kRate = 2e-3;

enum class Path { kReadable, kBlockPass };

struct Mode {
  const char* name;
  at::ScalarType dtype;
  std::optional<nn::WeightFormat> format;
  Path path;
};

// Of four pictures that come round and round.
TrainSample sample_of(int64_t step) {
  const int64_t picture = step % 4;
  util::SeedStream noise(5, "precision test", {"noise"}, static_cast<uint64_t>(step));
  at::Tensor x0 = at::empty({4, 8, 8}, at::kFloat);
  noise.fill_normal({x0.data_ptr<float>(), static_cast<size_t>(x0.numel())});
  const at::Tensor x1 =
      at::linspace(-1.0, 1.0, int64_t{4} * 8 * 8).view({4, 8, 8}).roll({picture * 17}).contiguous();
  TrainSample sample;
  sample.input.timestep = noise.uniform();
  sample.input.latent_CHW = x1 * sample.input.timestep + x0 * (1.0 - sample.input.timestep);
  sample.input.input_ids = {1, 5 + static_cast<int32_t>(picture), 9, 11};
  sample.target_CHW = x1 - x0;
  return sample;
}

std::vector<double> losses_of(const Mode& mode) {
  const bool readable = mode.path == Path::kReadable;
  const test::GemmSwitch products(!readable);
  model::set_blocks_run_as_one(!readable);
  model::Placement placement{mode.dtype, at::kCPU};
  if (mode.format) placement.format = *mode.format;
  const auto transformer =
      model::load_transformer(test::golden_dir() / "tiny-omnigen/transformer", placement);
  adapter::AdapterSet adapters(
      adapter::LycorisConfig::from_json(
          nlohmann::ordered_json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000,
              "linear_alpha": 1, "factor": 4,
              "apply_preset": {"target_module": ["Attention", "FeedForward"]}})"),
          "test"),
      transformer->module_tree(), 7);
  std::vector<optim::Parameter> parameters;
  for (const auto& [name, value] : adapters.parameters()) parameters.push_back({name, value});
  optim::FlatGradients gradients(parameters);
  optim::AdamW optimizer(parameters, {});
  comm::SingleGroup group;
  TrainStep step({*transformer, &adapters, gradients, optimizer, group, {}});
  std::vector<double> losses;
  for (int64_t i = 0; i < kSteps; ++i) losses.push_back(step.run({{sample_of(i)}}, kRate).loss);
  model::set_blocks_run_as_one(true);
  return losses;
}

double mean_of_last(const std::vector<double>& losses) {
  constexpr int64_t kLast = 100;
  double sum = 0.0;
  for (int64_t i = kSteps - kLast; i < kSteps; ++i) sum += losses[static_cast<size_t>(i)];
  return sum / kLast;
}

class PrecisionTest : public ::testing::Test {
 protected:
  static const std::vector<double>& reference() {
    static const std::vector<double> losses =
        losses_of({"readable", at::kFloat, std::nullopt, Path::kReadable});
    return losses;
  }
  // The largest difference of a step's losses; that of the last hundred steps' means beside it.
  static void expect_within(const Mode& mode, double step_tolerance, double mean_tolerance) {
    const std::vector<double> losses = losses_of(mode);
    double largest = 0.0;
    for (size_t i = 0; i < losses.size(); ++i) {
      largest = std::max(largest, std::abs(losses[i] - reference()[i]));
    }
    const double means = mean_of_last(losses) - mean_of_last(reference());
    fmt::print(
        "{}: largest difference of a step's loss {:.2e}, of the last hundred's mean {:+.2e}\n",
        mode.name, largest, means);
    EXPECT_LE(largest, step_tolerance);
    EXPECT_LE(std::abs(means), mean_tolerance);
  }
};

TEST_F(PrecisionTest, TheReferenceLearns) {
  EXPECT_LT(mean_of_last(reference()), 0.9 * reference().front());
}

TEST_F(PrecisionTest, TheBlockPassFollowsTheReadableFormInFloat32) {
  expect_within({"block pass, float32", at::kFloat, std::nullopt, Path::kBlockPass}, 1e-4, 1e-5);
}

TEST_F(PrecisionTest, Bfloat16) {
  expect_within({"block pass, bf16", at::kBFloat16, std::nullopt, Path::kBlockPass}, 2e-2, 3e-3);
}

TEST_F(PrecisionTest, Int8Base) {
  expect_within({"block pass, bf16, int8 base", at::kBFloat16, nn::WeightFormat::kInt8Dynamic,
                 Path::kBlockPass},
                5e-2, 5e-3);
}

TEST_F(PrecisionTest, Fp8Base) {
  expect_within({"block pass, bf16, fp8 base", at::kBFloat16, nn::WeightFormat::kFp8Torchao,
                 Path::kBlockPass},
                1e-1, 1e-2);
}

}  // namespace
}  // namespace omnigen::train
