#include "validate/evaluator.h"

#include <gtest/gtest.h>

#include "comm/single_group.h"
#include "support/memory_dataset.h"
#include "support/run_ranks.h"
#include "util/error.h"
#include "util/seed_stream.h"
#include "validate/flow_sampler.h"
#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

std::unique_ptr<test::MemoryDataset> make_dataset(int num_records) {
  auto dataset = std::make_unique<test::MemoryDataset>("eval-set");
  for (int i = 0; i < num_records; ++i) {
    const int64_t width = 32 + 16 * (i % 3);
    dataset->add("img" + std::to_string(i) + ".png", width, 32,
                 initial_noise(100, static_cast<uint64_t>(i), {4, 4, width / 8}), {1, 5, 9 + i});
  }
  return dataset;
}

EvalResult evaluate_alone(const data::Dataset& dataset, const EvalOptions& options) {
  comm::SingleGroup group;
  return evaluate(*test::tiny_transformer(), dataset, options, group);
}

TEST(EvalTimes, AreMiddlesOfEqualIntervals) {
  const auto times = eval_times(4);
  EXPECT_EQ(times, (std::vector<double>{0.125, 0.375, 0.625, 0.875}));
  EXPECT_THROW(eval_times(0), c10::Error);
}

TEST(Evaluator, RepeatedEvaluationIsTheSameNumber) {
  const auto dataset = make_dataset(3);
  const EvalOptions options = {3, 4};
  EXPECT_EQ(evaluate_alone(*dataset, options).mean, evaluate_alone(*dataset, options).mean);
}

TEST(Evaluator, MeansAreThoseOfTheLosses) {
  const auto result = evaluate_alone(*make_dataset(3), {2, 5});
  ASSERT_EQ(result.losses.size(), 2U);
  double sum = 0;
  double sum_at_3 = 0;
  for (const auto& of_record : result.losses) {
    ASSERT_EQ(of_record.size(), 5U);
    for (const double loss : of_record) {
      EXPECT_GT(loss, 0.0);
      sum += loss;
    }
    sum_at_3 += of_record[3];
  }
  EXPECT_DOUBLE_EQ(result.mean, sum / 10);
  EXPECT_DOUBLE_EQ(result.mean_by_time[3], sum_at_3 / 2);
}

TEST(ZeroPredictor, ScoresTheTargetsSquareOfEachRecord) {
  const auto dataset = make_dataset(3);
  const auto losses = zero_predictor_losses(*dataset, {2, 28});
  ASSERT_EQ(losses.size(), 2U);
  at::Tensor noise = at::empty({4, 4, 4}, at::kFloat);
  util::SeedStream(0, "eval", {"img0.png"}).fill_normal({noise.data_ptr<float>(), 64});
  const at::Tensor target = dataset->latent(0) - noise;
  EXPECT_NEAR(losses[0], target.square().mean().item<double>(), 1e-6);
  EXPECT_NE(losses[0], losses[1]);
}

TEST(Evaluator, TakesTheFirstRecordsInOrder) {
  const auto dataset = make_dataset(5);
  const auto two = evaluate_alone(*dataset, {2, 3});
  const auto all = evaluate_alone(*dataset, {99, 3});
  EXPECT_EQ(two.paths, (std::vector<std::string>{"img0.png", "img1.png"}));
  EXPECT_EQ(all.losses.size(), 5U);
  EXPECT_EQ(all.losses[1], two.losses[1]);
}

TEST(Evaluator, NumberIsTheSameAtAnyNumberOfRanks) {
  const auto dataset = make_dataset(3);
  const EvalOptions options = {3, 7};
  const auto alone = evaluate_alone(*dataset, options);
  for (const int ranks : {2, 4, 5}) {
    test::run_ranks(ranks, [&](comm::ProcessGroup& group) {
      const auto shared = evaluate(*test::tiny_transformer(), *dataset, options, group);
      EXPECT_EQ(shared.mean, alone.mean);
      EXPECT_EQ(shared.losses, alone.losses);
      EXPECT_EQ(shared.mean_by_time, alone.mean_by_time);
    });
  }
}

// A record's loss must not move when others are added or the order of sets changes.
TEST(Evaluator, NoiseIsKeyedByPath) {
  test::MemoryDataset one("a");
  one.add("x.png", 32, 32, initial_noise(100, 0, {4, 4, 4}), {1, 5});
  test::MemoryDataset two("b");
  two.add("w.png", 32, 32, initial_noise(100, 0, {4, 4, 4}), {1, 5});
  two.add("x.png", 32, 32, initial_noise(100, 0, {4, 4, 4}), {1, 5});
  const auto in_one = evaluate_alone(one, {1, 3});
  const auto in_two = evaluate_alone(two, {2, 3});
  EXPECT_EQ(in_one.losses[0], in_two.losses[1]);
  EXPECT_NE(in_two.losses[0], in_two.losses[1]);
}

TEST(Evaluator, EmptySetIsADataError) {
  const test::MemoryDataset empty("nothing");
  EXPECT_THROW(evaluate_alone(empty, {1, 3}), util::DataError);
}

TEST(PooledMean, CountsEverySampleOnce) {
  EvalResult a;
  a.losses = {{1.0, 3.0}};
  EvalResult b;
  b.losses = {{5.0, 5.0}, {8.0, 8.0}};
  EXPECT_DOUBLE_EQ(pooled_mean({a, b}), 5.0);
}

TEST(EvalLine, NamesStepSetAndCounts) {
  EvalResult result;
  result.mean = 0.74213;
  result.losses = {std::vector<double>(28)};
  result.times = eval_times(28);
  result.seconds = 3.14;
  EXPECT_EQ(eval_line(100, "omnigen-eval", result),
            "eval step 100: omnigen-eval 0.7421 (28 timesteps x 1 image, 3.1 s)");
}

}  // namespace
}  // namespace omnigen::validate
