#include "config/dataset_masks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_folder.h"

namespace omnigen::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json masked_entry(const std::string& id, Json more = Json::object()) {
  Json result = {{"id", id}, {"instance_data_dir", "images"}};
  for (const auto& [key, value] : more.items()) result[key] = value;
  return result;
}

Json mask(const std::string& id, Json more = Json::object()) {
  more["conditioning_type"] = "mask";
  return masked_entry(id, more);
}

LoadResult check(const Json& datasets) {
  ConfigFolder folder;
  folder.datasets = datasets;
  return folder.load({}, Purpose::kCheck);
}

std::string mask_error(const Json& datasets) {
  ConfigFolder folder;
  folder.datasets = datasets;
  return folder.error();
}

TEST(DatasetMasks, AreLinkedFromEitherSide) {
  for (const Json& datasets :
       {Json::array({masked_entry("a", {{"conditioning_data", "m"}}), mask("m")}),
        Json::array({masked_entry("a"), mask("m", {{"source_dataset_id", "a"}})})}) {
    const LoadResult loaded = check(datasets);
    EXPECT_THAT(loaded.not_acting, IsEmpty());
    ASSERT_EQ(loaded.datasets.size(), 2U);
    EXPECT_EQ(loaded.datasets[0].id, "a");
    const DatasetConfig* found = mask_of(loaded.datasets[0], loaded.datasets);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->id, "m");
    EXPECT_EQ(mask_of(loaded.datasets[1], loaded.datasets), nullptr);
    EXPECT_TRUE(loaded.datasets[1].cache_dir_vae.empty());  // nothing of it is encoded
  }
}

TEST(DatasetMasks, ALinkMustLeadSomewhere) {
  EXPECT_THAT(mask_error(Json::array({masked_entry("a", {{"conditioning_data", "gone"}})})),
              AllOf(HasSubstr("conditioning_data"), HasSubstr("\"gone\""), HasSubstr("[E05]")));
  EXPECT_THAT(
      mask_error(Json::array({masked_entry("a"), mask("m", {{"source_dataset_id", "gone"}})})),
      HasSubstr("\"gone\", which is no enabled dataset"));
}

TEST(DatasetMasks, ADatasetHasOneSetOfMasks) {
  EXPECT_THAT(
      mask_error(Json::array({masked_entry("a", {{"conditioning_data", Json::array({"m", "n"})}}),
                              mask("m"), mask("n")})),
      HasSubstr("several sets of masks: m, n"));
}

TEST(DatasetMasks, MasksOfNothingAreTold) {
  const LoadResult loaded = check(Json::array({masked_entry("a"), mask("m")}));
  EXPECT_THAT(loaded.warnings, ::testing::Contains(HasSubstr("belongs to no dataset")));
}

}  // namespace
}  // namespace omnigen::config
