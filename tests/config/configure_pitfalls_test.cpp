// What `configure` must prevent, one test each: the listed answer is refused, which at a terminal
// is the question asked again (interview_test.cpp).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/configure_fixture.h"

namespace omnigen::config {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Pitfall = ConfigureFixture;

TEST_F(Pitfall, StepsAndEpochsBoth) {
  EXPECT_THAT(refusal({{"max_train_steps", 100}, {"num_train_epochs", 3}}),
              HasSubstr("give one of the two"));
  EXPECT_THAT(refusal({{"length_in", "epochs"}, {"max_train_steps", 100}}),
              HasSubstr("give one of the two"));
  EXPECT_EQ(refusal({{"max_train_steps", 100}, {"num_train_epochs", 0}}), "");
}

TEST_F(Pitfall, ACheckpointBeyondTheEnd) {
  EXPECT_THAT(refusal({{"max_train_steps", 100}, {"checkpoint_step_interval", 101}}),
              HasSubstr("the run ends after 100 steps, before its first checkpoint"));
}

TEST_F(Pitfall, AnOptimizerThatDoesNotFitThePrecision) {
  EXPECT_THAT(refusal({{"mixed_precision", "no"}, {"optimizer", "adamw_bf16"}}),
              HasSubstr("\"adamw_bf16\" is not one of"));
  EXPECT_EQ(made({{"mixed_precision", "no"}}).config.at("optimizer"), "torch-adamw");
}

TEST_F(Pitfall, QuantisationOfTheWholeModel) {
  EXPECT_THAT(refusal({{"model_type", "full"}, {"base_model_precision", "int8-quanto"}}),
              HasSubstr("only adapters can train on quantised weights"));
}

TEST_F(Pitfall, StandardLora) {
  EXPECT_THAT(refusal({{"lora_type", "standard"}}), HasSubstr("makes LyCORIS LoKr adapters"));
}

TEST_F(Pitfall, NoOutputFolder) {
  EXPECT_THAT(refusal({{"output_dir", "nowhere/here"}, {"create_output_dir", "no"}}),
              HasSubstr("is not there and is not to be created"));
  std::ofstream("file") << "x";
  EXPECT_THAT(refusal({{"output_dir", "file"}}), HasSubstr("file is no folder"));
}

TEST_F(Pitfall, WeightsThatDoNotExist) {
  EXPECT_THAT(refusal({{"pretrained_model_name_or_path", "/nowhere/at/all"}}),
              HasSubstr("there is no folder /nowhere/at/all"));
  EXPECT_THAT(refusal({{"pretrained_model_name_or_path", "Shitao/OmniGen-v2"}}),
              HasSubstr("it is not the published Shitao/OmniGen-v1-diffusers"));
  fs::create_directories("empty");
  EXPECT_THAT(refusal({{"pretrained_model_name_or_path", "empty"}}), HasSubstr("holds no model"));
}

TEST_F(Pitfall, AValidationSizeWithoutX) {
  for (const char* size : {"1024", "1024*1024", "1024x", "x", ","}) {
    EXPECT_THAT(refusal({{"validation_resolution", size}}), HasSubstr("write WIDTHxHEIGHT"))
        << size;
  }
  EXPECT_EQ(refusal({{"validation_resolution", "1024 \xC3\x97 768"}}), "");
}

TEST_F(Pitfall, SeveralSizesTakeTheirTime) {
  EXPECT_THAT(refusal({{"validation_resolution", "1024x1024,512x512"}}),
              HasSubstr("takes 2 times as long"));
  EXPECT_EQ(refusal({{"validation_resolution", "1024x1024,512x512"}, {"insist", true}}), "");
  fs::create_directories("pictures");
  EXPECT_THAT(refusal({{"describe_dataset", true},
                       {"instance_data_dir", "pictures"},
                       {"dataset_resolutions", "512,1024"}}),
              HasSubstr("trained on 2 times"));
}

TEST_F(Pitfall, PathsThatBreakFromAnotherFolder) {
  fs::create_directories("pictures");
  const ConfigureFiles files = made({{"output_dir", "out"},
                                     {"subject", "a dog"},
                                     {"describe_dataset", true},
                                     {"instance_data_dir", "pictures"}});
  for (const char* key : {"output_dir", "lycoris_config", "data_backend_config",
                          "user_prompt_library", "pretrained_model_name_or_path"}) {
    EXPECT_TRUE(fs::path(files.config.at(key).get<std::string>()).is_absolute()) << key;
  }
  for (const char* key : {"instance_data_dir", "cache_dir_vae"}) {
    EXPECT_TRUE(fs::path(files.datasets[0].at(key).get<std::string>()).is_absolute()) << key;
  }
}

TEST_F(Pitfall, NoAdapterFile) {
  EXPECT_THAT(refusal({{"lycoris_config", "mine.json"}}), HasSubstr("no such question was asked"));
  const ConfigureFiles files = made(Json::object());
  EXPECT_EQ(files.config.at("lycoris_config"), (around.folder / "lycoris_config.json").string());
  EXPECT_FALSE(files.lycoris.is_null());
}

TEST_F(Pitfall, ABatchLargerThanTheDataSet) {
  fs::create_directories("pictures");
  images = 3;
  Json answers = {{"describe_dataset", true},
                  {"instance_data_dir", "pictures"},
                  {"train_batch_size", 4},
                  {"num_gpus", 8},
                  {"repeats", 0}};
  EXPECT_THAT(refusal(answers),
              HasSubstr("3 images make 6 samples an epoch, fewer than the effective batch 32; "
                        "repeats 5 would do"));
  answers["repeats"] = 5;
  EXPECT_EQ(refusal(answers), "");
}

TEST_F(Pitfall, UploadWithoutLogin) {
  EXPECT_THAT(refusal({{"push_to_hub", true}}), HasSubstr("there is no token of the Hub"));
  fs::create_directories(".cache/huggingface");
  std::ofstream(".cache/huggingface/token") << "x";
  EXPECT_EQ(refusal({{"push_to_hub", true}}), "");
}

TEST_F(Pitfall, WandbWithoutLogin) {
  EXPECT_THAT(refusal({{"wandb", true}}), HasSubstr("there is no login"));
  std::ofstream(".netrc") << "machine api.wandb.ai\n  login user\n";
  EXPECT_EQ(made({{"wandb", true}}).config.at("report_to"), "tensorboard,wandb");
}

TEST_F(Pitfall, GuidanceOfOtherModels) {
  EXPECT_THAT(refusal({{"validation_guidance", 7.5}}), HasSubstr("2.5 to 3.0 suits it"));
}

TEST_F(Pitfall, ALearningRateThatHardlyTrains) {
  EXPECT_THAT(refusal({{"learning_rate", 4e-7}}), HasSubstr("4e-07 hardly trains"));
  EXPECT_THAT(refusal({{"learning_rate", 0}}), HasSubstr("must be above 0"));
  EXPECT_THAT(refusal({{"optimizer", "bnb-lion"}, {"learning_rate", 1e-4}}),
              HasSubstr("high for Lion"));
}

TEST_F(Pitfall, AWarmupThatIsAPeriod) {
  EXPECT_THAT(refusal({{"lr_scheduler", "cosine"}, {"lr_warmup_steps", 100}}),
              HasSubstr("the rate will rise and fall 50 times in 10000 steps"));
  EXPECT_EQ(made({{"lr_scheduler", "cosine"}}).config.at("lr_warmup_steps"), 10000);
  EXPECT_THAT(refusal({{"lr_scheduler", "linear"}, {"lr_warmup_steps", 10000}}),
              HasSubstr("never reached"));
}

TEST_F(Pitfall, APlaceholderInPrompts) {
  EXPECT_THAT(refusal({{"subject", "<token>"}}), HasSubstr("instead of a placeholder"));
  EXPECT_THAT(refusal({{"validation_prompt", "a photo of <token>"}}),
              HasSubstr("<token> is a placeholder"));
}

TEST_F(Pitfall, TooLittleDiskSpace) {
  free = 1e9;
  EXPECT_THAT(refusal(Json::object()),
              AllOf(HasSubstr("5 checkpoints take about 3.1 GB"), HasSubstr("1.0 GB are free")));
  fs::create_directories("pictures");
  free = 4e9;
  images = 100'000;
  EXPECT_THAT(refusal({{"describe_dataset", true}, {"instance_data_dir", "pictures"}}),
              HasSubstr("the cache takes about 26.2 GB, and 4.0 GB are free"));
  free = std::nullopt;
  EXPECT_EQ(refusal(Json::object()), "");
}

}  // namespace
}  // namespace omnigen::config
