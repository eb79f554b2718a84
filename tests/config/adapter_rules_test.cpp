// The rules between keys of the adapter and the base it is trained on; the rest is in
// rules_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_folder.h"
#include "config/rules.h"

namespace omnigen::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Rules, FullTrainingOnQuantisedWeights_C18) {
  const Json keys = {{"model_type", "full"}, {"base_model_precision", "int8-quanto"}};
  EXPECT_THAT(error_with(keys), HasSubstr("only adapters can train on quantised weights"));
}

TEST(Rules, WhoInsistsTrainsUnquantisedWeights_C18) {
  ConfigFolder folder;
  folder.config.update({{"model_type", "full"},
                        {"base_model_precision", "int8-quanto"},
                        {"i_know_what_i_am_doing", true}});
  EXPECT_THAT(joined(folder.load().warnings), HasSubstr("the weights are left unquantised"));
}

TEST(Rules, AWholeModelBeginsAtNoAdapter) {
  const std::string error = error_with({{"model_type", "full"}, {"init_lora", "config.json"}});
  EXPECT_THAT(error, HasSubstr("init_lora: begins an adapter, but model_type full has none"));
}

TEST(Rules, AWholeModelNeedsNoAdaptersKeys) {
  ConfigFolder folder;
  folder.config["model_type"] = "full";
  folder.config.erase("lycoris_config");
  EXPECT_EQ(folder.error(), "");
}

TEST(Rules, ThereIsNoTextEncoder_C19) {
  EXPECT_THAT(error_with({{"train_text_encoder", true}}), HasSubstr("OmniGen has no text encoder"));
}

TEST(Rules, LycorisFileIsFoundOrDemanded_C20) {
  ConfigFolder folder;
  folder.config.erase("lycoris_config");
  EXPECT_THAT(folder.error(),
              HasSubstr("--lora_type=lycoris requires you to add a JSON configuration"));
  ConfigFolder::write("config/lycoris_config.json", folder.lycoris.dump());
  EXPECT_THAT(joined(folder.load().notices),
              HasSubstr("lycoris_config not given, using config/lycoris_config.json [C20]"));
}

TEST(Rules, LycorisFileIsMissing_C21) {
  EXPECT_THAT(error_with({{"lycoris_config", "x/lycoris_confg.json"}}),
              AllOf(HasSubstr("x/lycoris_confg.json not found (looked for /"), HasSubstr("[C21]")));
}

TEST(Rules, LycorisFileIsNoObject_C22) {
  ConfigFolder folder;
  ConfigFolder::write("bad.json", "[1]");
  ConfigFolder::write("worse.json", "{\n\"algo\" \"lokr\"}");
  folder.config["lycoris_config"] = "bad.json";
  EXPECT_THAT(folder.error(), HasSubstr("[1] is no JSON object [C22]"));
  folder.config["lycoris_config"] = "worse.json";
  EXPECT_THAT(folder.error(),
              AllOf(HasSubstr("worse.json:2:8: expected \":\""), HasSubstr("[C22]")));
}

TEST(Rules, LycorisMembersAreDemanded_C23) {
  for (const char* key : {"algo", "multiplier", "linear_alpha", "linear_dim"}) {
    ConfigFolder folder;
    folder.lycoris.erase(key);
    EXPECT_THAT(folder.error(), AllOf(HasSubstr(std::string("must contain ") + key + " key"),
                                      HasSubstr("\n1 configuration error;")));
  }
  ConfigFolder folder;
  folder.lycoris.erase("linear_dim");
  folder.lycoris["full_matrix"] = true;
  EXPECT_EQ(folder.error(), "");
}

TEST(Rules, LycorisMayBeInPlace_C22) {
  ConfigFolder folder;
  folder.config["lycoris_config"] = folder.lycoris;
  EXPECT_EQ(folder.load().resolved.at("lycoris_config"), folder.lycoris);
}

TEST(Rules, BothKindsOfAdapterAreTrained_C25) {
  ConfigFolder folder;
  folder.config["lora_type"] = "Standard";
  folder.config.erase("lycoris_config");
  EXPECT_EQ(folder.error(), "");
  EXPECT_EQ(error_with({{"lora_type", "LyCORIS"}}), "");
  EXPECT_THAT(error_with({{"lora_type", "loha"}}), HasSubstr("[C25]"));
}

TEST(Rules, KeysOfTheOtherKindOfAdapter_M10) {
  EXPECT_THAT(warnings_with({{"lora_rank", 4}}),
              HasSubstr("lora_rank: no effect with lora_type lycoris"));
  EXPECT_THAT(warnings_with({{"lora_type", "standard"}}),
              HasSubstr("lycoris_config: no effect with lora_type standard"));
  ConfigFolder folder;
  folder.config = folder.load().resolved;  // every key, at its default
  EXPECT_THAT(joined(folder.load().warnings), Not(HasSubstr("[M10]")));
}

TEST(Rules, LoraKeysHaveTheirRanges) {
  EXPECT_THAT(error_with({{"lora_rank", 0}}), HasSubstr("lora_rank"));
  EXPECT_THAT(error_with({{"lora_dropout", 1.0}}), HasSubstr("lora_dropout"));
  EXPECT_THAT(error_with({{"lora_init_type", "pissa"}}), HasSubstr("available: default, gaussian"));
}

TEST(Rules, UnquantisedRestFollowsMixedPrecision_10_2) {
  const Json keys = {{"base_model_precision", "int8-quanto"}, {"base_model_default_dtype", "fp32"}};
  EXPECT_THAT(warnings_with(keys), HasSubstr("fp32 has no effect with mixed_precision bf16"));
}

TEST(Rules, AQuantisedBaseComputesInItsDefaultDtype_C10) {
  Json keys = {
      {"base_model_precision", "nf4-bnb"}, {"mixed_precision", "no"}, {"optimizer", "adamw_bf16"}};
  EXPECT_EQ(error_with(keys), "");
  keys["base_model_default_dtype"] = "fp32";
  EXPECT_THAT(error_with(keys), HasSubstr("[C10]"));
}

}  // namespace
}  // namespace omnigen::config
