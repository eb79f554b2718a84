#include "train/adapter_weights.h"

#include <gtest/gtest.h>

#include "comm/single_group.h"
#include "optim/make_optimizer.h"
#include "support/temp_dir.h"
#include "train/export_fixture.h"

namespace omnigen::train {
namespace {

config::Config config_with(const std::string& optimizer) {
  config::Config config;
  config.optim.optimizer = optimizer;
  return config;
}

class AdapterWeightsTest : public ::testing::TestWithParam<const char*> {};

// A checkpoint is of the step at which it was begun, whatever is trained before it is written.
TEST_P(AdapterWeightsTest, ACheckpointKeepsTheWeightsOfItsStep) {
  const test::TempDir dir;
  comm::SingleGroup group;
  const config::Config config = config_with(GetParam());
  AdapterWeights weights(lokr_plan(),
                         model::module_tree(model::read_transformer_config(tiny_model())), config,
                         at::kCPU, group);
  const auto optimizer = weights.make_optimizer(config.optim, 1);
  const auto ema = weights.make_ema({0.9, 1, 0});
  const auto step = [&](double gradient) {
    weights.gradients().buffer().fill_(gradient);
    optimizer->step(1e-2);
    ema->update(1);
  };
  const auto all_state = [&] {
    TensorMap tensors = weights.adapters()->state_dict(at::kFloat);
    for (auto& [name, value] : optimizer->state_dict()) tensors["optimizer " + name] = value;
    for (auto& [name, value] : ema->state_dict()) tensors["ema " + name] = value;
    for (auto& [name, value] : tensors) value = value.clone();
    return tensors;
  };
  step(0.5);
  const TensorMap expected = all_state();
  CheckpointStore store(dir.path(), {});
  const auto complete =
      weights.save(store, {1, *optimizer, ema.get(), {{"step", 1}}, {}}, CheckpointKind::kOrdinary);
  step(-0.3);
  const std::filesystem::path checkpoint = complete();
  weights.load(checkpoint, optimizer.get(), ema.get());
  const TensorMap found = all_state();
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, value] : expected) EXPECT_TRUE(at::equal(found.at(name), value)) << name;
}

INSTANTIATE_TEST_SUITE_P(Optimizers, AdapterWeightsTest,
                         ::testing::Values("torch-adamw", "adamw_bf16", "bnb-lion8bit", "prodigy"));

}  // namespace
}  // namespace omnigen::train
