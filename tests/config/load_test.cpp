#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_folder.h"

namespace omnigen::config {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const fs::path kSource = OMNIGEN_SOURCE_DIR;

TEST(Load, AGoodConfigurationGivesNoWarning) {
  const ConfigFolder folder;
  EXPECT_THAT(folder.load().warnings, IsEmpty());
}

TEST(Load, CommandLineWinsOverFileOverDefaults) {
  ConfigFolder folder;
  folder.config["train_batch_size"] = 2;
  const LoadResult result = folder.load({"--train_batch_size=3", "--seed", "7"});
  EXPECT_EQ(result.config.train.train_batch_size, 3);
  EXPECT_EQ(result.config.train.seed, 7);
  EXPECT_EQ(result.config.train.max_train_steps, 1000);
  EXPECT_EQ(result.config.train.checkpoint_step_interval, 500);
  EXPECT_THAT(
      joined(result.notices),
      HasSubstr("config: config.json (backend json), 12 keys, 2 overridden on the command line: "
                "train_batch_size, seed [1.1]"));
}

TEST(Load, AllErrorsComeAtOnce) {
  ConfigFolder folder;
  folder.config["valdation_steps"] = 5;
  folder.config["seed"] = "10k";
  folder.config["gradient_accumulation_steps"] = 0;
  folder.datasets[0]["resolutoin"] = 512;
  const std::string text = folder.error();
  EXPECT_THAT(text, HasSubstr("config error: unknown option \"valdation_steps\"; did you mean "
                              "\"validation_steps\"? [M12]\n"));
  EXPECT_THAT(text, HasSubstr("config error: seed: \"10k\" is not a whole number [M14]\n"));
  EXPECT_THAT(text, HasSubstr("must be at least 1, is 0; 1 means no accumulation [C03]\n"));
  EXPECT_THAT(text, HasSubstr("unknown key \"resolutoin\"; did you mean \"resolution\"? [E03]\n"));
  EXPECT_THAT(text, HasSubstr("\n4 configuration errors; nothing was started"));
}

TEST(Load, ErrorsEndWithExitCodeTwo) {
  ConfigFolder folder;
  folder.config["seed"] = "x";
  try {
    static_cast<void>(folder.load());
    FAIL();
  } catch (const util::ConfigError& error) {
    EXPECT_EQ(error.exit_code(), 2);
  }
}

TEST(Load, UnknownKeysMayBeAllowed) {
  ConfigFolder folder;
  folder.config["frobnicate"] = 5;
  folder.config["allow_unknown_options"] = true;
  EXPECT_THAT(joined(folder.load().warnings), HasSubstr("unknown option \"frobnicate\""));
}

TEST(Load, KeyGivenTwiceNamesBothSpellings) {
  ConfigFolder folder;
  folder.config["use_ema"] = true;
  folder.config["--use_ema"] = false;
  EXPECT_THAT(folder.error(), HasSubstr("given twice, as \"use_ema\" and as \"--use_ema\""));
  folder.config.erase("--use_ema");
  folder.config["lr"] = 1e-4;
  EXPECT_THAT(folder.error(), HasSubstr("as \"learning_rate\" and as \"lr\""));
}

TEST(Load, SyntaxErrorNamesTheLine) {
  const ConfigFolder folder;
  ConfigFolder::write("bad.json", "{\n\"seed\": 1\n\"use_ema\": true\n}");
  EXPECT_THAT(folder.error({"--config=bad.json"}),
              AllOf(HasSubstr("bad.json:3:1: expected \",\" or \"}\""), HasSubstr("[M03]")));
}

TEST(Load, OtherBackendsAreRefused) {
  const ConfigFolder folder;
  ConfigFolder::write("c.toml", "seed = 1");
  EXPECT_THAT(folder.error({"--config=c.toml"}), HasSubstr("toml configuration is not read"));
}

TEST(Load, EnvironmentVariablesAreFilledOrMissed) {
  ConfigFolder folder;
  folder.config["tracker_run_name"] = "run-{env:JOB}";
  EXPECT_THAT(folder.error(), HasSubstr("the environment variable JOB is not set"));
  LoadOptions options;
  options.environment = [](const char* name) { return std::string(name) == "JOB" ? "7" : nullptr; };
  EXPECT_EQ(load({}, options).config.log.tracker_run_name, "run-7");
}

TEST(Load, CommentsAndUnsetValuesLeaveTheDefault) {
  ConfigFolder folder;
  folder.config["_note"] = "x";
  folder.config["//seed"] = 3;
  folder.config["max_grad_norm"] = nullptr;
  folder.config["validation_prompt"] = "None";
  folder.config["report_to"] = "";
  const Config config = folder.load().config;
  EXPECT_EQ(config.optim.max_grad_norm, 2.0);
  EXPECT_EQ(config.validate.validation_prompt, "");
  EXPECT_EQ(config.log.report_to, "none");
}

TEST(Load, StringFalseSwitchesOff) {
  ConfigFolder folder;
  folder.config["gradient_checkpointing"] = "false";
  EXPECT_FALSE(folder.load().config.model.gradient_checkpointing);
}

TEST(Load, AnEmptyNegativePromptIsNotNone) {
  ConfigFolder folder;
  EXPECT_EQ(folder.load().config.validate.validation_negative_prompt, std::nullopt);
  folder.config["validation_negative_prompt"] = "None";
  EXPECT_EQ(folder.load().config.validate.validation_negative_prompt, std::nullopt);
  folder.config["validation_negative_prompt"] = "";
  const LoadResult result = folder.load();
  EXPECT_EQ(result.config.validate.validation_negative_prompt, "");
  EXPECT_EQ(from_json(result.resolved.dump()).config.validate.validation_negative_prompt, "");
}

TEST(Load, ResumeMayBeSwitchedOff) {
  ConfigFolder folder;
  EXPECT_EQ(folder.load().config.train.resume_from_checkpoint, "latest");
  for (const char* off : {"", "None"}) {
    folder.config["resume_from_checkpoint"] = off;
    EXPECT_EQ(folder.load().config.train.resume_from_checkpoint, "") << off;
  }
}

TEST(Load, KeysThatDoNotActAreRefusedInTrainAndListedInCheck) {
  ConfigFolder folder;
  folder.config["lora_init_type"] = "pissa";
  folder.config["mixed_precision"] = "fp8";
  EXPECT_THAT(folder.error(), AllOf(HasSubstr("\"pissa\" is not available in omnigen-dist yet; "
                                              "available: default, gaussian"),
                                    HasSubstr("2 configuration errors")));
  EXPECT_THAT(folder.load({}, Purpose::kCheck).not_acting.size(), 2U);
  EXPECT_EQ(folder.error({}, Purpose::kCache), "");
}

TEST(Load, EveryKnownButIdleValueIsRefused) {
  const Json idle = {{"base_model_precision", "int4-quanto"},
                     {"mixed_precision", "fp8"},
                     {"lora_init_type", "olora"},
                     {"data_backend_sampling", "uniform"},
                     {"input_perturbation", 0.1},
                     {"caption_strategy", "parquet"}};
  for (const auto& [key, value] : idle.items()) {
    ConfigFolder folder;
    folder.config[key] = value;
    EXPECT_THAT(folder.error(), HasSubstr("config error: " + key + ": ")) << key;
    EXPECT_EQ(folder.error({}, Purpose::kCheck), "") << key;
  }
}

TEST(Load, CacheLeavesTrainingRulesOut) {
  ConfigFolder folder;
  folder.config["learning_rate"] = -1;
  folder.config["lycoris_config"] = "nowhere.json";
  EXPECT_NE(folder.error(), "");
  EXPECT_EQ(folder.error({}, Purpose::kCache), "");
}

TEST(Load, CallersOptionsComeBack) {
  const ConfigFolder folder;
  static_cast<void>(folder.load());
  LoadOptions options;
  options.own_flags = {"plan"};
  options.own_keys = {"out_format"};
  const LoadResult result = load({"--plan", "--out-format", "json"}, options);
  EXPECT_EQ(result.own.at("plan"), "true");
  EXPECT_EQ(result.own.at("out_format"), "json");
}

TEST(Load, MissingImageFoldersComeTogetherAsADataError) {
  ConfigFolder folder;
  folder.datasets[0]["instance_data_dir"] = "nowhere";
  folder.datasets.push_back(
      {{"id", "pseudo-camera-10k"}, {"instance_data_dir", "x/pseudo-camera-10k"}});
  try {
    static_cast<void>(folder.load());
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_EQ(error.exit_code(), 3);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("dataset \"cats\": instance_data_dir: nowhere not found"),
                      HasSubstr("its parent folder does not exist either"),
                      HasSubstr("huggingface-cli download"), HasSubstr("[M28]"),
                      HasSubstr("2 image folders missing")));
  }
}

TEST(Load, ResolvedAloneGivesTheSameConfiguration) {
  ConfigFolder folder;
  folder.config["seed"] = -1;
  folder.config["lr_scheduler"] = "constant";
  folder.config["lr_warmup_steps"] = 10;
  folder.config["user_prompt_library"] = "prompts.json";
  ConfigFolder::write("prompts.json", "{\"b\": \"x\", \"a\": \"y\"}");
  const LoadResult first = folder.load({"--dataset.cats.repeats=7"});
  EXPECT_EQ(first.resolved.at("user_prompt_library").dump(), "{\"b\":\"x\",\"a\":\"y\"}");
  EXPECT_EQ(first.resolved.at("lycoris_config").at("algo"), "lokr");
  ConfigFolder::write("alone/resolved.json", first.resolved.dump(2));
  for (const char* gone : {"config.json", "lycoris.json", "data.json", "prompts.json"})
    fs::remove(gone);

  const LoadResult again = load({"--config=alone/resolved.json"});
  EXPECT_EQ(again.resolved, first.resolved);
  EXPECT_EQ(again.datasets.at(0).repeats, 7);
}

TEST(Load, OtherRanksGetTheSame) {
  const ConfigFolder folder;
  const LoadResult first = folder.load();
  for (const char* gone : {"config.json", "lycoris.json", "data.json"}) fs::remove(gone);
  const LoadResult other = from_json(first.resolved.dump());
  EXPECT_EQ(other.resolved, first.resolved);
  ASSERT_EQ(other.datasets.size(), first.datasets.size());
  EXPECT_EQ(other.datasets[0].instance_data_dir, "images");
}

TEST(Load, HelpIsRecognised) {
  EXPECT_TRUE(wants_help({"--seed=1", "--help"}));
  EXPECT_TRUE(wants_help({"-h"}));
  EXPECT_FALSE(wants_help({"--seed=1"}));
}

// The five files of the quickstart, in the folders it tells the user to make.
class ReferenceRun : public ::testing::TestWithParam<const char*> {
 protected:
  static void lay_out(const std::string& data_sets) {
    const fs::path from = kSource / "tests/config/reference_run";
    fs::create_directories("config");
    for (const char* name : {"config.json", "lycoris_config.json", "user_prompt_library.json"}) {
      fs::copy_file(from / name, fs::path("config") / name);
    }
    fs::copy_file(from / data_sets, "config/multidatabackend.json");
    fs::create_directories("datasets/pseudo-camera-10k");
    fs::create_directories("datasets/dreambooth-subject");
  }
};

TEST_P(ReferenceRun, IsAcceptedUnchanged) {
  const ConfigFolder folder;
  lay_out(GetParam());
  Json data = read_json("config/multidatabackend.json");
  std::vector<std::string> args = {"--user_prompt_library=config/user_prompt_library.json"};
  for (const Json& entry : data) {  // folders below / of the quickstart's author
    const std::string dir = entry.value("instance_data_dir", "");
    if (dir.rfind('/', 0) != 0) continue;
    fs::create_directories(dir.substr(1));
    args.push_back("--dataset." + entry.at("id").get<std::string>() +
                   ".instance_data_dir=" + dir.substr(1));
  }
  const LoadResult result = load(args);
  EXPECT_EQ(result.config.optim.learning_rate, 4e-5);
  EXPECT_EQ(result.config.optim.lr_scheduler, "constant_with_warmup");
  EXPECT_EQ(result.config.validate.validation_num_inference_steps, 20);
  EXPECT_EQ(result.config.validate.validation_step_interval, 200);
  EXPECT_TRUE(result.config.model.gradient_checkpointing);
  EXPECT_THAT(result.not_acting, IsEmpty());
  EXPECT_THAT(
      joined(result.notices),
      HasSubstr("data_backend_config: config/omnigen/multidatabackend.json is not there, using "
                "config/multidatabackend.json"));
  EXPECT_THAT(joined(result.warnings), Not(HasSubstr("without effect")));
}

INSTANTIATE_TEST_SUITE_P(Files, ReferenceRun,
                         ::testing::Values("multidatabackend.subject.json",
                                           "multidatabackend.eval.json"));

}  // namespace
}  // namespace omnigen::config
