#include "train/data_doubts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/memory_dataset.h"

namespace omnigen::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::shared_ptr<test::MemoryDataset> pictures(const std::string& id, int count) {
  auto set = std::make_shared<test::MemoryDataset>(id);
  for (int i = 0; i < count; ++i) set->add(fmt::format("{:03}.png", i), 64, 64);
  return set;
}

std::vector<config::DatasetConfig> folders(const std::map<std::string, std::string>& by_id) {
  std::vector<config::DatasetConfig> datasets;
  for (const auto& [id, folder] : by_id) {
    datasets.emplace_back();
    datasets.back().id = id;
    datasets.back().instance_data_dir = folder;
  }
  return datasets;
}

TEST(DataDoubts, ADataSetThatDrownsTheOthersIsNamed) {
  RunData data;
  data.train = {{{pictures("subject", 12), 1000}, false}, {{pictures("prior", 300), 0}, true}};
  EXPECT_THAT(data_doubts(folders({{"subject", "/a"}, {"prior", "/b"}}), data),
              ElementsAre(HasSubstr("dataset \"subject\" supplies 98% of the samples")));
  data.train[0].set.repeats = 100;
  EXPECT_THAT(data_doubts(folders({{"subject", "/a"}, {"prior", "/b"}}), data), IsEmpty());
  data.train.pop_back();
  EXPECT_THAT(data_doubts(folders({{"subject", "/a"}}), data), IsEmpty());
}

TEST(DataDoubts, PicturesThatAreTrainedAndEvaluatedOnAreCounted) {
  RunData data;
  data.train = {{{pictures("train", 12), 0}, false}};
  data.eval = {pictures("held-out", 5)};
  EXPECT_THAT(data_doubts(folders({{"train", "/x/a/"}, {"held-out", "/x/b/../a"}}), data),
              ElementsAre(HasSubstr("5 files are in both \"held-out\" and \"train\"")));
  EXPECT_THAT(data_doubts(folders({{"train", "/x/a"}, {"held-out", "/x/b"}}), data), IsEmpty());
}

}  // namespace
}  // namespace omnigen::train
