#include "cache/dataset_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/cache_workspace.h"

namespace omnigen::test {
namespace {

TEST(DatasetBuild, TwoDataSetsOfOneFolderHaveTheirOwnSizes) {
  CacheWorkspace workspace;
  workspace.build();
  config::DatasetConfig larger = workspace.dataset;
  larger.id = "larger";
  larger.resolution = 0.016384;
  std::swap(workspace.dataset, larger);  // beside the first, in the same folder
  EXPECT_EQ(workspace.build().num_encoded, 6);
  const data::ShardDataset dataset({.folder = workspace.folder(), .id = "larger"});
  EXPECT_EQ(dataset.meta(2).target_width, 128);
  EXPECT_EQ(workspace.open().meta(2).target_width, 64);
}

}  // namespace
}  // namespace omnigen::test
