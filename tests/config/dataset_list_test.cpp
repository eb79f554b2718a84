#include "config/dataset_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_folder.h"

namespace omnigen::config {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Json entry(const std::string& id, Json more = Json::object()) {
  Json result = {{"id", id}, {"instance_data_dir", "images"}};
  for (const auto& [key, value] : more.items()) result[key] = value;
  return result;
}

std::string list_error(const Json& datasets, const std::vector<std::string>& args = {}) {
  ConfigFolder folder;
  folder.datasets = datasets;
  return folder.error(args);
}

TEST(DatasetList, ShapeOfTheFile_E01_E02) {
  EXPECT_THAT(list_error(Json::object()), HasSubstr("expected a list of datasets, found {}"));
  EXPECT_THAT(list_error(Json::array()), HasSubstr("Must provide at least one dataset"));
  EXPECT_THAT(list_error(Json::array({"cats"})), HasSubstr("expected an object for each dataset"));
}

TEST(DatasetList, ATrainingSetIsNeeded_E02) {
  EXPECT_THAT(list_error(Json::array({entry("e", {{"dataset_type", "eval"}})})),
              HasSubstr("no enabled dataset of type image; 1 listed: e (eval)"));
  EXPECT_THAT(list_error(Json::array({entry("a", {{"disabled", true}})})), HasSubstr("[E02]"));
}

TEST(DatasetList, AnOrdinaryTrainingSetIsNeeded_C52) {
  EXPECT_THAT(list_error(Json::array({entry("a", {{"is_regularisation_data", true}})})),
              HasSubstr("[C52]"));
}

TEST(DatasetList, SomeProbabilityIsNeeded_E49) {
  EXPECT_THAT(list_error(Json::array({entry("a", {{"probability", 0}})})), HasSubstr("[E49]"));
}

TEST(DatasetList, IdsAreUnique_E06_C47) {
  EXPECT_THAT(list_error(Json::array({entry("a"), entry("a")})),
              AllOf(HasSubstr("numbers 1 and 2 are both \"a\""), HasSubstr("[C47]")));
  EXPECT_THAT(list_error(Json::array({entry("a"), entry("")})),
              HasSubstr("number 2 has none [E06]"));
}

TEST(DatasetList, OneTextEntryIsTheDefault_E44_C47) {
  const auto text = [](const char* id, bool is_default) {
    return Json{{"id", id}, {"dataset_type", "text_embeds"}, {"default", is_default}};
  };
  EXPECT_THAT(list_error(Json::array({entry("a"), text("t", true), text("u", true)})),
              HasSubstr("Only one text embed backend can be marked as default; t, u are"));
  EXPECT_THAT(list_error(Json::array({entry("a"), text("t", false), text("u", false)})),
              HasSubstr("of the text_embeds entries t, u one needs \"default\": true"));
  ConfigFolder folder;
  folder.datasets = Json::array({entry("a")});
  EXPECT_THAT(joined(folder.load().notices),
              HasSubstr("no text_embeds dataset; OmniGen needs none"));
}

TEST(DatasetList, CachesAreApart_E07) {
  EXPECT_THAT(
      list_error(Json::array({entry("a", {{"cache_dir_vae", "c"}}),
                              entry("b", {{"cache_dir_vae", "./c/"}, {"resolution", 512}})})),
      AllOf(HasSubstr("datasets \"a\" and \"b\": use the same cache_dir_vae"),
            HasSubstr("but differ in resolution")));
  EXPECT_THAT(list_error(Json::array({entry("a", {{"cache_dir_vae", "images/cache"}})})),
              HasSubstr("is inside the images of \"a\""));
  EXPECT_THAT(
      list_error(Json::array({entry("a", {{"cache_dir_vae", "c"}}),
                              {{"id", "t"}, {"dataset_type", "text_embeds"}, {"cache_dir", "c"}}})),
      HasSubstr("is also the cache_dir of \"t\""));
}

TEST(DatasetList, NestedCachesAreAWarningByComponents_E08) {
  ConfigFolder folder;
  folder.datasets = Json::array({entry("a", {{"cache_dir_vae", "cache/x"}}),
                                 entry("b", {{"cache_dir_vae", "cache/x-eval"}})});
  EXPECT_EQ(joined(folder.load().warnings), "");
  folder.datasets[1]["cache_dir_vae"] = "cache/x/eval";
  EXPECT_THAT(joined(folder.load().warnings), HasSubstr("one cache_dir_vae is inside the other"));
}

TEST(DatasetList, ImageFolderIsNamed_E09) {
  EXPECT_THAT(
      list_error(Json::array({Json{{"id", "a"}}})),
      HasSubstr("dataset \"a\": instance_data_dir: is missing. Name the folder of the images"));
}

TEST(DatasetList, DisabledEntriesAreGone) {
  ConfigFolder folder;
  folder.datasets = Json::array({entry("a"), entry("b", {{"disable", "true"}, {"nonsense", 1}})});
  const LoadResult result = folder.load();
  EXPECT_EQ(result.datasets.size(), 1U);
  EXPECT_EQ(result.resolved.at("data_backend_config").size(), 1U);
}

TEST(DatasetList, CommandLineReachesOneDataSet) {
  ConfigFolder folder;
  folder.datasets = Json::array({entry("my.cats"), entry("b")});
  const LoadResult result =
      folder.load({"--dataset.my.cats.repeats=3", "--dataset.b.crop_aspect_buckets=[1.0,2.0]",
                   "--dataset.b.crop_aspect=closest", "--dataset.b.crop=true"});
  EXPECT_EQ(result.datasets[0].repeats, 3);
  EXPECT_EQ(result.datasets[1].repeats, 0);
  EXPECT_EQ(result.datasets[1].crop_aspect_buckets.at(1).aspect, 2.0);
}

TEST(DatasetList, CommandLineMistakesAreNamed) {
  ConfigFolder folder;
  EXPECT_THAT(
      folder.error({"--dataset.cast.repeats=3"}),
      HasSubstr("no data set has the id \"cast\"; there are cats, text. Did you mean \"cats\"?"));
  EXPECT_THAT(folder.error({"--dataset.cats=3"}),
              HasSubstr("not of the form --dataset.<id>.<key>=value"));
  EXPECT_THAT(folder.error({"--dataset.cats.reapeats=3"}), HasSubstr("did you mean \"repeats\"?"));
}

TEST(DatasetList, DefaultFoldersAreBelowTheOutput) {
  ConfigFolder folder;
  EXPECT_EQ(folder.load().datasets[0].cache_dir_vae, "out/cache/vae/omnigen/cats");
  EXPECT_EQ(folder.load().datasets[1].cache_dir, "out/cache/text/omnigen");
  folder.config["cache_dir_vae"] = "fast";
  EXPECT_EQ(folder.load().datasets[0].cache_dir_vae, "fast/cats");
}

TEST(DatasetList, FolderBesideTheConfigurationIsUsed) {
  ConfigFolder folder;
  static_cast<void>(folder.load());
  fs::create_directories("setup/pictures");
  for (const char* name : {"config.json", "lycoris.json", "data.json"}) {
    fs::rename(name, fs::path("setup") / name);
  }
  folder.datasets[0]["instance_data_dir"] = "pictures/";
  ConfigFolder::write("setup/data.json", folder.datasets.dump());
  const LoadResult result = load({"--config=setup"});
  EXPECT_EQ(result.datasets[0].instance_data_dir, "setup/pictures");
  EXPECT_EQ(result.resolved.at("data_backend_config")[0].at("instance_data_dir"), "setup/pictures");
}

TEST(DatasetList, AFileIsNoFolder_E10) {
  ConfigFolder folder;
  ConfigFolder::write("file", "");
  folder.datasets[0]["instance_data_dir"] = "file";
  EXPECT_THAT(folder.error(), AllOf(HasSubstr("file is no folder"), HasSubstr("[E10]")));
}

TEST(DatasetList, InputImagesAreRefusedForNow) {
  const Json datasets = Json::array(
      {entry("m", {{"conditioning_type", "reference_strict"}, {"source_dataset_id", "a"}}),
       entry("a")});
  EXPECT_THAT(list_error(datasets), HasSubstr("input images of edit data are not trained yet"));
  ConfigFolder folder;
  folder.datasets = datasets;
  const LoadResult result = folder.load({}, Purpose::kCheck);
  EXPECT_EQ(result.datasets.at(0).id, "a");  // the source comes first
  EXPECT_EQ(result.not_acting.size(), 1U);
}

TEST(DatasetList, CircleOfSourcesIsNamed) {
  const Json datasets = Json::array({entry("x"), entry("a", {{"source_dataset_id", "b"}}),
                                     entry("b", {{"source_dataset_id", "a"}})});
  EXPECT_THAT(list_error(datasets), HasSubstr("refer to each other in a circle"));
}

}  // namespace
}  // namespace omnigen::config
