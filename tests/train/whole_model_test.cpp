#include "train/whole_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "comm/single_group.h"
#include "model/weight_map.h"
#include "optim/make_optimizer.h"
#include "support/golden.h"
#include "support/run_ranks.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "train/train_step.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using test::run_ranks;
using ::testing::HasSubstr;

const fs::path kModel = test::golden_dir() / "tiny-omnigen";
constexpr double kRate = 1e-3;

config::OptimConfig config_of(const std::string& optimizer) {
  config::OptimConfig config;
  config.optimizer = optimizer;
  return config;
}

TrainSample sample_of(int index) {
  TrainSample sample;
  const auto phase = static_cast<double>(index);
  const at::Tensor values = at::arange(4 * 8 * 6, at::kFloat).view({4, 8, 6});
  sample.input = {(values * 0.7 + phase).sin(), 0.3, {1, 100 + index, 7, 32001}, {}};
  sample.target_CHW = (values * 0.3 - phase).cos();
  return sample;
}

// A whole model on one rank of a group, with its optimizer and averages.
struct Trained {
  explicit Trained(comm::ProcessGroup& group, const std::string& optimizer_name = "torch-adamw",
                   at::ScalarType dtype = at::kFloat, bool checkpointing = false)
      : transformer(model::load_transformer(kModel, placement(dtype))),
        weights({*transformer, {kModel, kModel / "vae"}, group}) {
    if (checkpointing) {
      const auto layers = static_cast<size_t>(transformer->config().num_layers);
      transformer->set_recompute(std::vector<model::Recompute>(layers, model::Recompute::kFull),
                                 [this](int64_t block) { return weights.leaves_of_block(block); });
    }
    optimizer = weights.make_optimizer(config_of(optimizer_name), 1);
    ema = weights.make_ema({0.9, 1, 0});
    step_ = std::make_unique<TrainStep>(TrainStep::Parts{*transformer, nullptr, weights.gradients(),
                                                         *optimizer, group, optim::ClipOptions{}});
  }
  static model::Placement placement(at::ScalarType dtype) {
    model::Placement placement{dtype, at::kCPU};
    placement.trained = true;
    return placement;
  }
  // One step on the samples of this rank's micro-batches.
  StepResult step(const std::vector<TrainMicroBatch>& micro_batches) {
    const StepResult result = step_->run(micro_batches, kRate);
    ema->update(++steps);
    return result;
  }
  SavedState saved() { return {steps, *optimizer, ema.get(), {{"global_step", steps}}, {}}; }
  std::map<std::string, at::Tensor> leaves() const {
    std::map<std::string, at::Tensor> values;
    for (const auto& leaf : weights.parameters()) values[leaf.name] = leaf.value.detach().clone();
    return values;
  }

  int64_t steps = 0;
  std::unique_ptr<model::OmniGenTransformer> transformer;
  WholeModel weights;
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<optim::Ema> ema;

 private:
  std::unique_ptr<TrainStep> step_;
};

void expect_equal(const std::map<std::string, at::Tensor>& actual,
                  const std::map<std::string, at::Tensor>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, value] : expected) {
    SCOPED_TRACE(name);
    EXPECT_TENSOR_EQ(actual.at(name), value);
  }
}

// This rank's half or third of four … six samples, one at a time.
std::vector<TrainMicroBatch> share_of(const comm::ProcessGroup& group, int num_samples) {
  std::vector<TrainMicroBatch> batches;
  const int each = num_samples / group.size();
  for (int i = 0; i < each; ++i) batches.push_back({sample_of(group.rank() * each + i)});
  return batches;
}

TEST(WholeModel, TrainsEveryWeightThatASampleUses) {
  comm::SingleGroup group;
  for (const bool checkpointing : {false, true}) {
    Trained trained(group, "torch-adamw", at::kFloat, checkpointing);
    const auto before = trained.leaves();
    trained.step({{sample_of(0)}});
    size_t moved = 0;
    for (const auto& [name, value] : trained.leaves()) {
      EXPECT_FALSE(at::equal(value, before.at(name))) << name << " has no gradient";
      ++moved;
    }
    const auto all = model::trained_shapes(trained.transformer->config());
    EXPECT_EQ(moved, all.size() - 2);  // the input images' projection: weight and bias
  }
}

TEST(WholeModel, LeavesTheInputImagesProjectionAlone) {
  comm::SingleGroup group;
  Trained trained(group);
  EXPECT_FALSE(trained.leaves().contains("patch_embedding.input_image_proj.weight"));
  EXPECT_TRUE(trained.leaves().contains("patch_embedding.output_image_proj.weight"));
}

TEST(WholeModel, StepsAreTheSameOnAnyNumberOfRanks) {
  std::map<std::string, at::Tensor> expected;
  run_ranks(1, [&](comm::ProcessGroup& group) {
    Trained trained(group);
    for (int i = 0; i < 3; ++i) trained.step(share_of(group, 6));
    expected = trained.leaves();
  });
  for (const int ranks : {2, 3}) {
    run_ranks(ranks, [&](comm::ProcessGroup& group) {
      Trained trained(group);
      for (int i = 0; i < 3; ++i) trained.step(share_of(group, 6));
      for (const auto& [name, value] : trained.leaves()) {
        SCOPED_TRACE(name);
        EXPECT_TENSOR_NEAR(value, expected.at(name), test::kFactorAfterSteps);
      }
    });
  }
}

class WholeModelFilesTest
    : public ::testing::TestWithParam<std::pair<const char*, at::ScalarType>> {};
INSTANTIATE_TEST_SUITE_P(Optimizers, WholeModelFilesTest,
                         ::testing::Values(std::pair("torch-adamw", at::kFloat),
                                           std::pair("torch-adamw", at::kBFloat16),
                                           std::pair("adamw_bf16", at::kBFloat16),
                                           std::pair("prodigy", at::kBFloat16)),
                         [](const auto& info) {
                           std::string name = info.param.first;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_" + c10::toString(info.param.second);
                         });

// Saved by two ranks, gone on with by one, two and three: the state is the same, bit for bit.
TEST_P(WholeModelFilesTest, ACheckpointIsReadAtAnyNumberOfRanks) {
  const auto& [optimizer, dtype] = GetParam();
  const test::TempDir dir;
  std::map<std::string, at::Tensor> leaves;
  std::map<std::string, at::Tensor> state;
  std::map<std::string, at::Tensor> averages;
  std::mutex mutex;
  run_ranks(2, [&, name = optimizer, type = dtype](comm::ProcessGroup& group) {
    Trained trained(group, name, type);
    for (int i = 0; i < 2; ++i) trained.step(share_of(group, 2));
    CheckpointStore store(dir.path(), {});
    const auto complete = trained.weights.save(store, trained.saved(), CheckpointKind::kOrdinary);
    EXPECT_EQ(complete != nullptr, group.is_root());
    if (complete) {
      EXPECT_EQ(complete().filename(), "checkpoint-2");
    }
    const std::lock_guard lock(mutex);
    leaves = trained.leaves();
    for (const auto& [key, value] : trained.optimizer->state_dict()) state[key] = value.clone();
    for (const auto& [key, value] : trained.ema->state_dict()) averages[key] = value.clone();
  });
  CheckpointStore::verify(dir / "checkpoint-2");
  for (const int ranks : {1, 2, 3}) {
    run_ranks(ranks, [&, name = optimizer, type = dtype](comm::ProcessGroup& group) {
      Trained trained(group, name, type);
      trained.weights.load(dir / "checkpoint-2", trained.optimizer.get(), trained.ema.get());
      expect_equal(trained.leaves(), leaves);
      for (const auto& [key, value] : trained.optimizer->state_dict()) {
        EXPECT_TENSOR_EQ(value, state.at(key));
      }
      for (const auto& [key, value] : trained.ema->state_dict()) {
        EXPECT_TENSOR_EQ(value, averages.at(key));
      }
    });
  }
}

TEST(WholeModel, ACheckpointHoldsLiveAndAveragedTransformers) {
  const test::TempDir dir;
  run_ranks(2, [&](comm::ProcessGroup& group) {
    Trained trained(group);
    for (int i = 0; i < 3; ++i) trained.step(share_of(group, 2));
    CheckpointStore store(dir.path(), {});
    trained.weights.save(store, trained.saved(), CheckpointKind::kOrdinary);
    group.barrier();  // rank 0 has renamed it
    const auto live =
        model::stored_weights(dir / "checkpoint-3/transformer", trained.transformer->config());
    const auto averaged =
        model::stored_weights(dir / "checkpoint-3/transformer_ema", trained.transformer->config());
    for (const auto& [name, value] : trained.leaves()) EXPECT_TENSOR_EQ(live.at(name), value);
    for (const auto& [name, value] : trained.ema->state_dict()) {
      EXPECT_TENSOR_EQ(averaged.at(name), value);
      EXPECT_FALSE(at::equal(value, live.at(name))) << name;
    }
    EXPECT_TRUE(live.contains(model::kPositionTable));
    EXPECT_TRUE(averaged.contains("patch_embedding.input_image_proj.weight"));
    group.barrier();  // both have read it
  });
}

// What a rank cannot write ends the save with one message, at the rank that ends the job.
TEST(WholeModel, ARanksFailureEndsTheSaveAtRankZero) {
  class Broken : public optim::Optimizer {
   public:
    Broken() : Optimizer("broken", {}) {}
    void step(double /*learning_rate*/) override {}
    [[nodiscard]] optim::NamedTensors state_dict() const override {
      return {
          {"norm.weight.bad", at::quantize_per_tensor(at::zeros({2}), 1.0, 0, at::kQInt8)},
          {"layers.0.input_layernorm.weight.bad",
           at::quantize_per_tensor(at::zeros({2}), 1.0, 0, at::kQInt8)},
          {"embed_tokens.weight.bad", at::quantize_per_tensor(at::zeros({2}), 1.0, 0, at::kQInt8)}};
    }
  };
  const test::TempDir dir;
  std::string message;
  run_ranks(2, [&](comm::ProcessGroup& group) {
    Trained trained(group);
    const Broken broken;
    CheckpointStore store(dir.path(), {});
    SavedState state = trained.saved();
    const SavedState on_rank_1{state.step, broken, state.ema, state.training_state, {}};
    try {
      trained.weights.save(store, group.rank() == 1 ? on_rank_1 : state, CheckpointKind::kOrdinary);
      EXPECT_EQ(group.rank(), 1);
    } catch (const util::Error& error) {
      EXPECT_EQ(group.rank(), 0);
      message = error.what();
    }
  });
  EXPECT_THAT(message, HasSubstr("cannot write checkpoint-0: rank 1: "));
  EXPECT_FALSE(fs::exists(dir / "checkpoint-0"));
}

TEST(WholeModel, AFreshOptimizersStateBeginsAtTheCheckpointAndTheModelUntouched) {
  const test::TempDir dir;
  comm::SingleGroup group;
  Trained trained(group);
  trained.step({{sample_of(0)}});
  CheckpointStore store(dir.path(), {});
  const fs::path checkpoint =
      trained.weights.save(store, trained.saved(), CheckpointKind::kOrdinary)();
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto transformer = model::load_transformer(kModel, Trained::placement(dtype));
    const auto untouched = transformer->named_weights().back().second.detach().clone();
    WholeModel weights({*transformer, {kModel, kModel / "vae"}, group});
    weights.start_at(checkpoint);
    const auto optimizer = weights.make_optimizer(config_of("prodigyopt"), 1);
    const std::string last = transformer->named_weights().back().first;
    const at::Tensor saved = trained.leaves().at(last);
    EXPECT_TENSOR_EQ(optimizer->state_dict().at(last + ".p0"), saved.flatten());
    EXPECT_TENSOR_EQ(transformer->named_weights().back().second.detach(), untouched);
    weights.load(checkpoint, nullptr, nullptr);
    EXPECT_TENSOR_EQ(transformer->named_weights().back().second.detach(), saved.to(dtype));
  }
}

TEST(WholeModel, LeavesAPipelineOfTheAveragedWeights) {
  const test::TempDir dir;
  comm::SingleGroup group;
  Trained trained(group);
  for (int i = 0; i < 2; ++i) trained.step({{sample_of(i)}});
  const fs::path result = trained.weights.write_result(dir.path(), trained.saved());
  EXPECT_EQ(result, dir / "pipeline");
  for (const char* part : {"model_index.json", "tokenizer/tokenizer.json", "vae/config.json",
                           "scheduler/scheduler_config.json"}) {
    EXPECT_TRUE(fs::exists(result / part)) << part;
  }
  const auto stored = model::stored_weights(result, trained.transformer->config());
  for (const auto& [name, value] : trained.ema->state_dict()) {
    EXPECT_TENSOR_EQ(stored.at(name), value);
  }
  EXPECT_FALSE(fs::exists(dir / "pipeline.tmp"));
}

TEST(WholeModel, WithoutAveragesThePipelineIsTheLiveModel) {
  const test::TempDir dir;
  comm::SingleGroup group;
  Trained trained(group);
  trained.step({{sample_of(0)}});
  SavedState state = trained.saved();
  state.ema = nullptr;
  trained.weights.write_result(dir.path(), state);
  const auto again = model::load_transformer(dir / "pipeline", {at::kFloat, at::kCPU});
  const at::NoGradGuard no_grad;
  const model::MicroBatch batch = {sample_of(3).input};
  // Mapped weights lie at other addresses, which matrix products may round by.
  EXPECT_TENSOR_NEAR(again->forward(batch)[0], trained.transformer->forward(batch)[0],
                     test::kTransformerOutput);
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, weight] : again->named_weights()) weights[name] = weight;
  for (const auto& [name, value] : trained.leaves()) EXPECT_TENSOR_EQ(weights.at(name), value);
}

TEST(WholeModel, RefusesTheCheckpointOfAnAdapter) {
  const test::TempDir dir;
  fs::create_directories(dir / "checkpoint-5");
  comm::SingleGroup group;
  Trained trained(group);
  try {
    trained.weights.load(dir / "checkpoint-5", nullptr, nullptr);
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("checkpoint-5 is of an adapter"));
  }
}

}  // namespace
}  // namespace omnigen::train
