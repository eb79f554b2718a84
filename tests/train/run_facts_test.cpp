#include "train/run_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/memory_dataset.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<test::MemoryDataset> pictures(int count) {
  auto set = std::make_shared<test::MemoryDataset>("subject");
  for (int i = 0; i < count; ++i) {
    set->add(fmt::format("{:02}.png", i), i < 4 ? 512 : 1024, 512, {}, {1},
             {{2000, 1000}, {1024, 512}, 3, 0});
  }
  return set;
}

TEST(RunFacts, ADataSetHasItsSizesAndExamplesOverItsWholeLength) {
  config::DatasetConfig config;
  config.id = "subject";
  config.instance_data_dir = "/pictures";
  const auto facts = facts_of_dataset(*pictures(16), "training", {config});
  EXPECT_EQ(facts.at("images"), 16);
  EXPECT_EQ(facts.at("sizes").dump(), "[[512,512,4],[1024,512,12]]");
  EXPECT_EQ(facts.at("folder"), "/pictures");
  ASSERT_EQ(facts.at("examples").size(), 8U);
  EXPECT_EQ(facts.at("examples").at(7).at("path"), "14.png");
  EXPECT_EQ(facts.at("examples").at(0).at("crop").dump(), "[3,0,512,512]");
  EXPECT_EQ(facts_of_dataset(*pictures(2), "training", {}).at("examples").size(), 2U);
}

TEST(RunFacts, ARunIsTheSameAtAnyNumberOfRanks) {
  config::LoadResult loaded;
  loaded.config.validate.validation_prompt = "a </script>";
  RunData data;
  data.train = {{{pictures(12), 3}, false}};
  data.eval = {pictures(3)};
  const ModelSizes sizes{100, 200, 10, 80, 64, 2};
  const std::optional<LossRange> range = LossRange{0.9, 1.9, 1.2};
  const RunPlan one = make_plan(data.train, {2, 4, 1}, 10, 0);
  const RunPlan four = make_plan(data.train, {2, 1, 4}, 10, 0);
  const std::vector<std::string> doubts = {"two files are alike"};
  const auto facts = facts_of_run({loaded, one, data, sizes, nullptr, range, doubts});
  EXPECT_EQ(facts.dump(), facts_of_run({loaded, four, data, sizes, nullptr, range, doubts}).dump());
  EXPECT_EQ(facts.at("doubts"), doubts);
  EXPECT_EQ(facts.at("effective_batch"), 8);
  EXPECT_EQ(facts.at("data_sets").at(1).at("kind"), "evaluation");
  EXPECT_EQ(facts.at("prompts").at(1).at("text"), "a </script>");
  EXPECT_FALSE(facts.at("trained").contains("modules"));
}

TEST(RunFacts, FileReplacesThatOfAnEarlierStart) {
  const test::TempDir dir;
  config::Config config;
  config.train.output_dir = dir.path();
  write_run_facts(config, {{"model", "first"}}, {});
  write_run_facts(config, {{"model", "second"}}, {{"ranks", 2}});
  const auto facts = nlohmann::json::parse(io::read_file(dir / "logs/run_facts.json"));
  EXPECT_EQ(facts.at("run").at("model"), "second");
  EXPECT_EQ(facts.at("machine").at("ranks"), 2);
  EXPECT_EQ(facts.at("version"), 1);
}

}  // namespace
}  // namespace omnigen::train
