#include "config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

CommandLine parse(const std::vector<std::string>& args) {
  return parse_command_line(args, {"use_ema", "disable_benchmark"});
}

TEST(CommandLine, EveryFormIsRead) {
  const CommandLine line =
      parse({"--seed=3", "--output_dir", "out", "--use_ema", "train_batch_size=2"});
  EXPECT_THAT(line.options, ElementsAre(Pair("seed", "3"), Pair("output_dir", "out"),
                                        Pair("use_ema", "true"), Pair("train_batch_size", "2")));
}

TEST(CommandLine, ValueOfAFlagMayStandApart) {
  EXPECT_THAT(
      parse({"--use_ema", "false", "--disable_benchmark", "--seed", "1"}).options,
      ElementsAre(Pair("use_ema", "false"), Pair("disable_benchmark", "true"), Pair("seed", "1")));
}

TEST(CommandLine, NegativeNumberIsAValue) {
  EXPECT_THAT(parse({"--seed", "-1"}).options, ElementsAre(Pair("seed", "-1")));
}

TEST(CommandLine, HyphensBecomeUnderscores) {
  EXPECT_THAT(parse({"--max-train-steps=5", "lr-end=0"}).options,
              ElementsAre(Pair("max_train_steps", "5"), Pair("lr_end", "0")));
}

TEST(CommandLine, ValueKeepsItsEqualsSignsAndDashes) {
  EXPECT_THAT(parse({"--optimizer_config=beta1=0.9,eps=1e-8"}).options,
              ElementsAre(Pair("optimizer_config", "beta1=0.9,eps=1e-8")));
  EXPECT_THAT(parse({"--validation_prompt", "a-b = c"}).options,
              ElementsAre(Pair("validation_prompt", "a-b = c")));
}

TEST(CommandLine, EmptyValueIsKept) {
  EXPECT_THAT(parse({"--resume_from_checkpoint="}).options,
              ElementsAre(Pair("resume_from_checkpoint", "")));
}

TEST(CommandLine, OptionsOfTheProgramAreTakenOut) {
  const CommandLine line =
      parse({"--config", "x.json", "--env=lab", "--example", "quick", "--help"});
  EXPECT_EQ(line.config, "x.json");
  EXPECT_EQ(line.environment, "lab");
  EXPECT_EQ(line.example, "quick");
  EXPECT_TRUE(line.help);
  EXPECT_TRUE(line.options.empty());
}

TEST(CommandLine, DatasetKeysKeepTheirId) {
  EXPECT_THAT(parse({"--dataset.my-cats.v2.repeats=3"}).dataset_options,
              ElementsAre(Pair("my-cats.v2.repeats", "3")));
}

TEST(CommandLine, UnknownNamesAreKeptForTheSuggestion) {
  EXPECT_THAT(parse({"--valdation_steps", "5"}).options, ElementsAre(Pair("valdation_steps", "5")));
}

TEST(CommandLine, MistakesAreNamed) {
  EXPECT_THROW(parse({"--seed"}), util::ConfigError);
  EXPECT_THROW(parse({"stray"}), util::ConfigError);
  EXPECT_THROW(parse({"--seed=1", "false"}), util::ConfigError);
  EXPECT_THROW(parse({"-x"}), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::config
