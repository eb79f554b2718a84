#include "train/train_step.h"

#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <cmath>

#include "adapter/lycoris_config.h"
#include "comm/single_group.h"
#include "model/weight_map.h"
#include "optim/adamw.h"
#include "optim/adamw_bf16.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::train {
namespace {

// The tiny model with adapters on its attention, and one sample.
class Step : public ::testing::Test {
 protected:
  Step()
      : transformer_(model::load_transformer(test::golden_dir() / "tiny-omnigen/transformer",
                                             {at::kFloat, at::kCPU})),
        adapters_(adapter::LycorisConfig::from_json(
                      nlohmann::ordered_json::parse(
                          R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000,
                              "linear_alpha": 1, "factor": 4,
                              "apply_preset": {"target_module": ["Attention"]}})"),
                      "test"),
                  transformer_->module_tree(), 7) {
    for (const auto& [name, value] : adapters_.parameters()) parameters_.push_back({name, value});
    gradients_ = std::make_unique<optim::FlatGradients>(parameters_);
    optimizer_ = std::make_unique<optim::AdamW>(parameters_, optim::AdamWOptions{});
    sample_.input.latent_CHW = at::full({4, 8, 8}, 0.5F);
    sample_.input.timestep = 0.5;
    sample_.input.input_ids = {1, 5, 9, 11};
    sample_.target_CHW = at::linspace(-1.0, 1.0, 4 * 8 * 8, at::kFloat).view({4, 8, 8});
  }
  StepResult run() {
    TrainStep step({*transformer_, &adapters_, *gradients_, *optimizer_, group_, {}});
    return step.run({{sample_}}, 1e-2);
  }
  [[nodiscard]] std::vector<at::Tensor> values() const {
    std::vector<at::Tensor> copies;
    for (const auto& parameter : parameters_) copies.push_back(parameter.value.detach().clone());
    return copies;
  }
  void expect_unchanged(const std::vector<at::Tensor>& before) const {
    const auto now = values();
    for (size_t i = 0; i < now.size(); ++i) EXPECT_TENSOR_EQ(now[i], before[i]);
  }

  std::unique_ptr<model::OmniGenTransformer> transformer_;
  adapter::AdapterSet adapters_;
  std::vector<optim::Parameter> parameters_;
  std::unique_ptr<optim::FlatGradients> gradients_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  comm::SingleGroup group_;
  TrainSample sample_;
};

TEST_F(Step, MovesTheAdapters) {
  const auto before = values();
  const StepResult result = run();
  EXPECT_TRUE(result.finite);
  EXPECT_GT(result.gradient, 0.0);
  EXPECT_FALSE(at::equal(values().back(), before.back()));
}

// Operations that wait for a device's result, counted as they are called.
class HostReads {
 public:
  HostReads() {
    counter() = 0;
    handle_ = at::addGlobalCallback(
        at::RecordFunctionCallback([](const at::RecordFunction& function)
                                       -> std::unique_ptr<at::ObserverContext> {
          const std::string_view name = function.name();
          const bool waits = name == "aten::_local_scalar_dense" || name == "aten::nonzero" ||
                             name == "aten::is_nonzero" || name == "aten::equal";
          if (waits || copies_to_float64(function)) ++counter();
          return nullptr;
        }).needsInputs(true));
  }
  ~HostReads() { at::removeCallback(handle_); }
  HostReads(const HostReads&) = delete;
  HostReads& operator=(const HostReads&) = delete;

  static int64_t count() { return counter(); }

 private:
  // How results are brought to the host.
  static bool copies_to_float64(const at::RecordFunction& function) {
    if (std::string_view(function.name()) != "aten::_to_copy") return false;
    for (const c10::IValue& input : function.inputs()) {
      if (input.isInt() && input.toInt() == static_cast<int64_t>(at::kDouble)) return true;
    }
    return false;
  }
  static int64_t& counter() {
    static int64_t count = 0;
    return count;
  }

  at::CallbackHandle handle_;
};

// The losses, the gradient's norm and the optimizer's own count, whatever the number of
// micro-batches: nothing between forward and backward waits.
TEST_F(Step, WaitsForTheDeviceOnlyAtItsEnd) {
  optim::AdamWBf16 optimizer(parameters_, {});
  TrainStep step({*transformer_, &adapters_, *gradients_, optimizer, group_, {}});
  const auto reads_of = [&](const std::vector<TrainMicroBatch>& micro_batches) {
    const HostReads reads;
    step.run(micro_batches, 1e-2);
    return HostReads::count();
  };
  EXPECT_EQ(reads_of({{sample_}}), 3);
  EXPECT_EQ(reads_of({{sample_}, {sample_, sample_}, {sample_}}), 3);
}

// Other samples of the same sizes, between samples of others: the same bits as without.
TEST_F(Step, RecordedPassesAreReplayedWithWhatIsNew) {
  const auto sample_at = [&](int i) {
    TrainSample sample = sample_;
    sample.input.latent_CHW = (at::arange(4 * 8 * 8, at::kFloat).view({4, 8, 8}) + i).sin();
    sample.target_CHW = sample.input.latent_CHW.cos();
    sample.input.timestep = 0.1 + 0.07 * i;
    sample.input.input_ids = {1, 5 + i, 9, 11};
    if (i % 3 == 2) sample.input.input_ids.push_back(7);
    if (i % 2 == 1) sample.weights_HW = at::full({8, 8}, 0.5 + i);
    return sample;
  };
  const auto recorder = comm::make_recorder(at::kCPU);
  TrainStep plain({*transformer_, &adapters_, *gradients_, *optimizer_, group_, {}});
  TrainStep recorded(
      {*transformer_, &adapters_, *gradients_, *optimizer_, group_, {}, nullptr, recorder.get()});
  for (int i = 0; i < 24; ++i) {
    const std::vector<TrainMicroBatch> batches = {{sample_at(i)}, {sample_at(i), sample_at(i + 1)}};
    const StepResult expected = plain.run(batches, 0.0);  // nothing moves
    const at::Tensor gradient = gradients_->buffer().clone();
    const StepResult found = recorded.run(batches, 0.0);
    EXPECT_EQ(found.sample_losses, expected.sample_losses) << i;
    EXPECT_TENSOR_EQ(gradients_->buffer(), gradient);
  }
}

TEST_F(Step, AGradientThatIsNotFiniteMovesNothing) {
  run();  // so that there is a moment to spoil
  const auto before = values();
  const auto state = optimizer_->state_dict();
  std::map<std::string, at::Tensor> moments;
  for (const auto& [name, value] : state) moments[name] = value.clone();
  const auto hook = parameters_.back().value.register_hook(
      [](const at::Tensor& gradient) { return at::full_like(gradient, NAN); });
  const StepResult result = run();
  EXPECT_FALSE(result.finite);
  EXPECT_TRUE(std::isfinite(result.loss));
  EXPECT_FALSE(std::isfinite(result.gradient));
  expect_unchanged(before);
  for (const auto& [name, value] : optimizer_->state_dict()) {
    EXPECT_TENSOR_EQ(value, moments.at(name));
  }
  parameters_.back().value.remove_hook(hook);
  EXPECT_TRUE(run().finite);
}

TEST_F(Step, ATargetThatIsNotFiniteMovesNothing) {
  const auto before = values();
  sample_.target_CHW[0][0][0] = INFINITY;
  const StepResult result = run();
  EXPECT_FALSE(result.finite);
  EXPECT_FALSE(std::isfinite(result.sample_losses.at(0)));
  expect_unchanged(before);
}

TEST_F(Step, WhatTheMaskLeavesOutTeachesNothing) {
  sample_.weights_HW = at::zeros({8, 8});
  const StepResult result = run();
  EXPECT_EQ(result.loss, 0.0);
  EXPECT_EQ(result.gradient, 0.0);
}

TEST_F(Step, RegularisationPullsNowhereWhileTheAdapterHasNoEffect) {
  sample_.regularisation = true;
  const StepResult result = run();
  EXPECT_EQ(result.loss, 0.0);
  EXPECT_EQ(result.gradient, 0.0);
}

}  // namespace
}  // namespace omnigen::train
