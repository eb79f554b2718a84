#include "adapter/lycoris_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json quickstart() {
  return Json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000,
      "linear_alpha": 1, "factor": 16, "apply_preset": {
        "target_module": ["Attention", "FeedForward"],
        "module_algo_map": {"Attention": {"factor": 16}, "FeedForward": {"factor": 8}}}})");
}

// The message of a refusal; empty when the file is accepted.
std::string refusal(const Json& json) {
  try {
    LycorisConfig::from_json(json, "file.json");
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

std::string refusal_with(const std::string& member, const Json& value) {
  Json json = quickstart();
  json[member] = value;
  return refusal(json);
}

std::string refusal_with_preset(const std::string& member, const Json& value) {
  Json json = quickstart();
  json["apply_preset"][member] = value;
  return refusal(json);
}

TEST(LycorisConfig, ReadsTheQuickstartsFile) {
  const LycorisConfig config = LycorisConfig::from_json(quickstart(), "file.json");
  EXPECT_EQ(config.defaults.linear_dim, 10000);
  EXPECT_EQ(config.defaults.factor, 16);
  EXPECT_DOUBLE_EQ(config.multiplier, 1.0);
  EXPECT_EQ(config.text, quickstart());
}

TEST(LycorisConfig, NamesEveryMissingMemberOnALineOfItsOwn) {
  const std::string text = refusal(Json::object());
  for (const char* name : {"\"algo\"", "\"multiplier\"", "\"linear_alpha\"", "\"linear_dim\""}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text, HasSubstr("[C23]"));
}

TEST(LycorisConfig, NeedsNoDimensionWithFullMatrix) {
  Json json = quickstart();
  json.erase("linear_dim");
  EXPECT_THAT(refusal(json), HasSubstr("linear_dim"));
  json["full_matrix"] = true;
  EXPECT_EQ(refusal(json), "");
  EXPECT_EQ(LycorisConfig::from_json(json, "x").defaults.linear_dim, 4);
}

TEST(LycorisConfig, RefusesAnotherAlgorithm) {
  EXPECT_THAT(refusal_with("algo", "loha"), AllOf(HasSubstr("\"loha\""), HasSubstr("\"lokr\"")));
  EXPECT_THAT(refusal_with_preset("module_algo_map", {{"Attention", {{"algo", "lora"}}}}),
              AllOf(HasSubstr("module_algo_map.Attention"), HasSubstr("\"lora\"")));
}

TEST(LycorisConfig, ProposesTheNearestMember) {
  EXPECT_THAT(refusal_with("facter", 8), HasSubstr("did you mean \"factor\"?"));
  EXPECT_THAT(refusal_with_preset("target_modules", Json::array()),
              HasSubstr("did you mean \"target_module\"?"));
  EXPECT_THAT(refusal_with_preset("module_algo_map", {{"Attention", {{"dims", 4}}}}),
              HasSubstr("did you mean \"dim\"?"));
}

TEST(LycorisConfig, IgnoresCommentsAndMembersWithoutEffect) {
  EXPECT_EQ(refusal_with("_comment", "why"), "");
  EXPECT_EQ(refusal_with("bypass_mode", true), "");
  EXPECT_EQ(refusal_with("preset", "full"), "");
  EXPECT_EQ(refusal_with_preset("unet_target_name", Json::array()), "");
  EXPECT_EQ(refusal_with_preset("enable_conv", false), "");
}

TEST(LycorisConfig, RefusesOptionsOfTheLibraryThatItDoesNotTrainWith) {
  for (const char* name : {"use_tucker", "use_scalar", "weight_decompose", "dora_wd"}) {
    EXPECT_THAT(refusal_with(name, true), HasSubstr(name));
    EXPECT_EQ(refusal_with(name, false), "") << name;
  }
  EXPECT_THAT(refusal_with("rank_dropout", 0.1), HasSubstr("rank_dropout"));
  EXPECT_EQ(refusal_with("module_dropout", 0.0), "");
}

TEST(LycorisConfig, RefusesWordsInThePlaceOfNumbersAndFlags) {
  EXPECT_THAT(refusal_with("linear_dim", "16"), HasSubstr("expected a number"));
  EXPECT_THAT(refusal_with("linear_dim", 2.5), HasSubstr("whole number"));
  EXPECT_THAT(refusal_with("linear_dim", 0), HasSubstr("at least 1"));
  EXPECT_THAT(refusal_with("full_matrix", 0), HasSubstr("write true or false"));
  EXPECT_THAT(refusal_with("full_matrix", "no"), HasSubstr("write true or false"));
  EXPECT_EQ(refusal_with("full_matrix", "False"), "");
}

TEST(LycorisConfig, RefusesAPresetOfTheWrongKind) {
  EXPECT_THAT(refusal_with("apply_preset", "full"), HasSubstr("expected an object"));
  EXPECT_THAT(refusal_with_preset("target_module", "Attention"), HasSubstr("list of texts"));
  EXPECT_THAT(refusal_with_preset("module_algo_map", Json::array()), HasSubstr("object"));
  EXPECT_THAT(refusal_with_preset("target_match", "fuzzy"), HasSubstr("\"exact\""));
}

TEST(LycorisConfig, KeepsAFractionalMultiplierAndAlpha) {
  Json json = quickstart();
  json["multiplier"] = 0.5;
  json["linear_alpha"] = 0.25;
  const LycorisConfig config = LycorisConfig::from_json(json, "x");
  EXPECT_DOUBLE_EQ(config.multiplier, 0.5);
  EXPECT_DOUBLE_EQ(config.defaults.linear_alpha, 0.25);
}

// The message of from_file for a file of this content.
std::string file_refusal(const std::string& content) {
  const test::TempDir folder;
  const auto path = folder / "lycoris_config.json";
  std::ofstream(path) << content;
  try {
    LycorisConfig::from_file(path);
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

TEST(LycorisConfigFile, SaysWhereItLookedForAMissingFile) {
  const test::TempDir folder;
  try {
    LycorisConfig::from_file(folder / "nowhere.json");
    FAIL() << "accepted";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr((folder / "nowhere.json").string()),
                      HasSubstr(std::filesystem::current_path().string()), HasSubstr("[C21]")));
  }
}

TEST(LycorisConfigFile, SaysTheLineOfASyntaxError) {
  EXPECT_THAT(file_refusal("{\n  \"algo\": lokr\n}"),
              AllOf(HasSubstr("line 2"), HasSubstr("[C22]")));
}

TEST(LycorisConfigFile, RefusesWhatIsNotAnObject) {
  EXPECT_THAT(file_refusal("[]"), HasSubstr("[C22]"));
}

TEST(LycorisConfigFile, ReadsWhatItIsGiven) {
  EXPECT_EQ(file_refusal(quickstart().dump()), "");
}

}  // namespace
}  // namespace omnigen::adapter
