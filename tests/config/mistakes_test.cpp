// Mistakes that users make, beyond the rules of rules_test.cpp: one test each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_folder.h"

namespace omnigen::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Mistakes, ACommaForAPoint_M14) {
  EXPECT_THAT(error_with({{"learning_rate", "4,5"}}),
              HasSubstr("config error: learning_rate: \"4,5\" is not a number [M14]"));
  EXPECT_EQ(result_with({{"learning_rate", " 1e-4 "}}).config.optim.learning_rate, 1e-4);
}

TEST(Mistakes, TorchCompileIsNamedOnlyWhenAskedFor_M73) {
  EXPECT_THAT(warnings_with({{"validation_torch_compile", "true"}}),
              HasSubstr("accepted but without effect here: validation_torch_compile"));
  for (const char* off : {"false", "", "None"}) {
    EXPECT_EQ(warnings_with({{"validation_torch_compile", off}}), "") << off;
  }
}

TEST(Mistakes, AnotherFlavourIsRefused) {
  EXPECT_THAT(error_with({{"model_flavour", "v2"}}), HasSubstr("model_flavour: \"v2\""));
  EXPECT_EQ(error_with({{"model_flavour", "v1"}}), "");
}

TEST(Mistakes, MinimumSizeZeroIsAccepted) {
  EXPECT_EQ(error_with({{"minimum_image_size", 0}}), "");
  EXPECT_EQ(result_with({{"minimum_image_size", 0}}).datasets[0].minimum_image_size, 0);
}

TEST(Mistakes, ALibraryMayBeGivenWithItsDashes) {
  ConfigFolder folder;
  ConfigFolder::write("p.json", "{\"a\": \"b\"}");
  folder.config["--user_prompt_library"] = "p.json";
  EXPECT_EQ(folder.load().config.validate.user_prompt_library, "{\"a\":\"b\"}");
}

TEST(Mistakes, TheLogLevelMayComeFromTheEnvironment) {
  const ConfigFolder folder;
  static_cast<void>(folder.load());
  LoadOptions options;
  options.environment = [](const char* name) {
    return std::string(name) == "SIMPLETUNER_LOG_LEVEL" ? "WARN" : nullptr;
  };
  EXPECT_EQ(load({}, options).config.log.log_level, "warning");
  EXPECT_EQ(load({"--log_level=debug"}, options).config.log.log_level, "debug");
  options.environment = [](const char* name) {
    return std::string(name) == "OMNIGEN_LOG_LEVEL" ? "loud" : nullptr;
  };
  EXPECT_THAT(joined(load({}, options).warnings), HasSubstr("\"loud\" is none of debug"));
}

TEST(Mistakes, SkippedScansAreAList) {
  ConfigFolder folder;
  folder.datasets[0]["skip_file_discovery"] = "";
  EXPECT_EQ(folder.load().datasets[0].skip_file_discovery, "");
  folder.datasets[0]["skip_file_discovery"] = "vae,aspect,metadata,text";
  EXPECT_EQ(folder.error(), "");
  folder.datasets[0]["skip_file_discovery"] = "vae,aspekt";
  EXPECT_THAT(folder.error(), HasSubstr("did you mean \"aspect\"?"));
}

TEST(Mistakes, OptionsOfTheEnvironmentFilesAreExplained) {
  EXPECT_THAT(error_with({{"TRAINER_EXTRA_ARGS", "--use_ema"}}),
              HasSubstr("put the options in it as separate keys"));
}

TEST(Mistakes, SeveralErrorsDoNotHideEachOther) {
  EXPECT_THAT(error_with({{"learning_rate", "4,5"}, {"model_family", "flux"}}),
              AllOf(HasSubstr("[M14]"), HasSubstr("[M11]"), HasSubstr("2 configuration errors")));
  EXPECT_THAT(error_with({{"learning_rate", "4,5"}}), Not(HasSubstr("[M11]")));
}

}  // namespace
}  // namespace omnigen::config
