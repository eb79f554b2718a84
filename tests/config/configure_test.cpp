#include "config/configure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/configure_fixture.h"
#include "config/load.h"

namespace omnigen::config {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

using Configure = ConfigureFixture;

void write(const fs::path& path, const Json& json) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << json.dump(2);
}

TEST_F(Configure, SixtyEmptyLinesAreEnough) {
  std::istringstream in(std::string(60, '\n'));
  std::ostringstream out;
  Interview talk(in, out);
  const ConfigureFiles files = ask_all(around, Json::object(), talk);
  EXPECT_EQ(files.config, made(Json::object()).config);
  EXPECT_TRUE(in.good());
}

TEST_F(Configure, DefaultsAreThoseOfTheQuickstart) {
  const ConfigureFiles files = made(Json::object());
  const Json expected = {{"model_family", "omnigen"},
                         {"model_type", "lora"},
                         {"lora_type", "lycoris"},
                         {"max_train_steps", 10000},
                         {"num_train_epochs", 0},
                         {"checkpoint_step_interval", 500},
                         {"checkpoints_total_limit", 5},
                         {"optimizer", "adamw_bf16"},
                         {"learning_rate", 1e-4},
                         {"lr_warmup_steps", 100},
                         {"validation_guidance", 2.5},
                         {"validation_num_inference_steps", 30},
                         {"caption_dropout_probability", 0.1},
                         {"base_model_precision", "no_change"},
                         {"gradient_checkpointing", true},
                         {"push_to_hub", false},
                         {"report_to", "tensorboard"},
                         {"resume_from_checkpoint", "latest"},
                         {"seed", 42}};
  for (const auto& [key, value] : expected.items()) EXPECT_EQ(files.config.at(key), value) << key;
  EXPECT_EQ(files.lycoris.at("linear_dim"), 10000);
  EXPECT_EQ(files.lycoris.at("apply_preset").at("module_algo_map").at("FeedForward").at("factor"),
            8);
  EXPECT_TRUE(files.prompts.is_null());
}

TEST_F(Configure, WhatItMakesIsLoadedWithoutAnError) {
  const ConfigureFiles files = made({{"subject", "a corgi puppy"}});
  write("set/config.json", files.config);
  write("set/lycoris_config.json", files.lycoris);
  write("set/multidatabackend.json", files.datasets);
  write("set/user_prompt_library.json", files.prompts);
  LoadOptions options;
  options.purpose = Purpose::kCheck;
  const LoadResult result = load({"--config=set/config.json"}, options);
  EXPECT_THAT(result.errors, ::testing::IsEmpty());
  EXPECT_THAT(result.not_acting, ::testing::IsEmpty());
  EXPECT_THAT(result.warnings, ::testing::IsEmpty());
  EXPECT_THAT(result.missing, ::testing::ElementsAre(HasSubstr("datasets/my-dataset not found")));
}

TEST_F(Configure, EarlierValuesAreTheDefaultsAndOtherKeysStay) {
  const Json earlier = {{"--learning_rate", "3e-5"}, {"validation_steps", 250},
                        {"eval_steps_interval", 77}, {"_note", "x"},
                        {"model_type", "lora"},      {"report_to", "none"}};
  const Json config = made({{"max_train_steps", 2000}}, earlier).config;
  EXPECT_EQ(config.at("learning_rate"), 3e-5);
  EXPECT_EQ(config.at("validation_step_interval"), 250);
  EXPECT_EQ(config.at("eval_steps_interval"), 77);
  EXPECT_EQ(config.at("report_to"), "none");
  EXPECT_FALSE(config.contains("validation_steps") || config.contains("_note"));
}

TEST_F(Configure, WeightsThatWereNamedBeforeMayComeYet) {
  const Json config =
      made(Json::object(), {{"pretrained_model_name_or_path", "/not/there/yet"}}).config;
  EXPECT_EQ(config.at("pretrained_model_name_or_path"), "/not/there/yet");
  EXPECT_THAT(said,
              HasSubstr("hf download Shitao/OmniGen-v1-diffusers --local-dir /not/there/yet"));
}

TEST_F(Configure, AShortRunIsSavedTenTimes) {
  const Json config = made({{"max_train_steps", 200}}).config;
  EXPECT_EQ(config.at("checkpoint_step_interval"), 20);
  EXPECT_EQ(config.at("validation_step_interval"), 20);
  EXPECT_EQ(config.at("lr_warmup_steps"), 20);
}

TEST_F(Configure, WholeModelNeedsNoAdapterFile) {
  const ConfigureFiles files = made({{"model_type", "full"}});
  EXPECT_TRUE(files.lycoris.is_null());
  EXPECT_FALSE(files.config.contains("lora_type") || files.config.contains("lycoris_config"));
  EXPECT_EQ(files.config.at("learning_rate"), 1e-6);
}

TEST_F(Configure, ASmallGpuGetsQuantisedWeights) {
  around.gpu_gib = 12;
  const Json config = made(Json::object()).config;
  EXPECT_EQ(config.at("base_model_precision"), "int8-quanto");
  EXPECT_EQ(config.at("quantize_via"), "cpu");
  EXPECT_THAT(said, HasSubstr("memory of a GPU: about"));
  around.gpu_gib = 80;
  EXPECT_EQ(made(Json::object()).config.at("base_model_precision"), "no_change");
}

TEST_F(Configure, LionGetsItsOwnRate) {
  EXPECT_EQ(made({{"optimizer", "bnb-lion8bit-paged"}}).config.at("learning_rate"), 2e-5);
  EXPECT_EQ(made({{"optimizer", "prodigy"}}).config.at("learning_rate"), 1.0);
}

TEST_F(Configure, APromptLibraryIsMadeOfTheSubject) {
  const ConfigureFiles files = made({{"subject", "a corgi puppy"}});
  EXPECT_EQ(files.prompts.size(), 15U);
  EXPECT_THAT(files.prompts.at("chef_a_corgi_puppy").get<std::string>(),
              HasSubstr("a corgi puppy"));
  EXPECT_THAT(files.prompts.dump(), Not(HasSubstr("<token>")));
}

TEST_F(Configure, ADescribedDataSetIsThereWholeAndCut) {
  fs::create_directories("pictures");
  const ConfigureFiles files = made({{"describe_dataset", "yes"},
                                     {"instance_data_dir", "pictures"},
                                     {"dataset_id", "dogs"},
                                     {"dataset_resolutions", "768"},
                                     {"large_images", true},
                                     {"repeats", 2}});
  ASSERT_EQ(files.datasets.size(), 3U);
  const Json& whole = files.datasets[0];
  EXPECT_EQ(whole.at("id"), "dogs-768");
  EXPECT_EQ(whole.at("crop"), false);
  EXPECT_EQ(whole.at("minimum_image_size"), 512);
  EXPECT_EQ(whole.at("maximum_image_size"), 1536);
  EXPECT_EQ(whole.at("target_downsample_size"), 960);
  EXPECT_EQ(whole.at("repeats"), 2);
  EXPECT_EQ(files.datasets[1].at("crop_aspect"), "square");
  EXPECT_EQ(files.datasets[2].at("dataset_type"), "text_embeds");
}

TEST_F(Configure, ADataSetFileThatIsThereIsKept) {
  write("set/multidatabackend.json", Json::array());
  EXPECT_TRUE(made(Json::object()).datasets.is_null());
}

TEST_F(Configure, EveryQuestionIsOnTheDocumentedPage) {
  fs::create_directories("pictures");
  const Json data = {{"describe_dataset", "yes"},
                     {"instance_data_dir", "pictures"},
                     {"caption_strategy", "instanceprompt"},
                     {"instance_prompt", "a dog"}};
  made(data);
  made({{"model_type", "full"}, {"length_in", "epochs"}});
  variables["HF_TOKEN"] = "x";
  made({{"push_to_hub", true}, {"lr_scheduler", "polynomial"}, {"linear_dim", 8}});
  std::ifstream stream(fs::path(OMNIGEN_SOURCE_DIR) / "docs/configure.md");
  std::stringstream page;
  page << stream.rdbuf();
  for (const std::string& name : asked) {
    EXPECT_THAT(page.str(), HasSubstr("| `" + name + "` |"));
  }
  EXPECT_GT(asked.size(), 45U);
}

}  // namespace
}  // namespace omnigen::config
