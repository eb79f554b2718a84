#include "config/other_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/assign_keys.h"

namespace omnigen::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string canonical(const std::string& written) {
  Json value = 1;
  return canonical_key(written, &value);
}

TEST(OtherKeys, DashesAndHyphensAreRemoved) {
  EXPECT_EQ(canonical("--seed"), "seed");
  EXPECT_EQ(canonical("max-train-steps"), "max_train_steps");
}

TEST(OtherKeys, RenamedKeysAreRead) {
  EXPECT_EQ(canonical("validation_steps"), "validation_step_interval");
  EXPECT_EQ(canonical("checkpointing_steps"), "checkpoint_step_interval");
  EXPECT_EQ(canonical("save_total_limit"), "checkpoints_total_limit");
  EXPECT_EQ(canonical("lr"), "learning_rate");
}

TEST(OtherKeys, PreprocessIsOnDemandInverted) {
  Json value = "false";
  EXPECT_EQ(canonical_key("vae_cache_preprocess", &value), "vae_cache_ondemand");
  EXPECT_EQ(value, true);
}

TEST(OtherKeys, CommentsAreKnownByTheirFirstCharacter) {
  EXPECT_TRUE(is_comment_key("_comment"));
  EXPECT_TRUE(is_comment_key("//note"));
  EXPECT_TRUE(is_comment_key("__disabled_fields__"));
  EXPECT_FALSE(is_comment_key("--seed"));
}

TEST(OtherKeys, NeutralValuesAreSilent) {
  Messages messages;
  EXPECT_TRUE(take_other_key("validation_torch_compile", "false", &messages));
  EXPECT_TRUE(take_other_key("attention_mechanism", "diffusers", &messages));
  EXPECT_TRUE(take_other_key("use_dora", false, &messages));
  EXPECT_TRUE(take_other_key("input_perturbation", 0.0, &messages));
  EXPECT_TRUE(take_other_key("controlnet_custom_config", nullptr, &messages));
  EXPECT_THAT(messages.warnings(), IsEmpty());
  EXPECT_THAT(messages.not_acting_lines(), IsEmpty());
}

TEST(OtherKeys, IgnoredKeysShareOneWarning) {
  Messages messages;
  take_other_key("validation_torch_compile", "true", &messages);
  take_other_key("lora_format", "comfyui", &messages);
  take_other_key("flux_guidance_mode", "constant", &messages);
  EXPECT_THAT(messages.warnings(),
              ::testing::ElementsAre("config warning: accepted but without effect here: "
                                     "validation_torch_compile, lora_format, flux_guidance_mode"));
}

TEST(OtherKeys, KeysThatWouldChangeWhatIsLearnedAreRefused) {
  const Json refused = {{"input_perturbation", 0.1},  {"offset_noise", true},
                        {"freeze_encoder", true},     {"init_lokr_norm", "1e-3"},
                        {"use_dora", "true"},         {"delete_unwanted_images", true},
                        {"train_text_encoder", true}, {"tread_config", "x.json"}};
  for (const auto& [key, value] : refused.items()) {
    Messages messages;
    EXPECT_TRUE(take_other_key(key, value, &messages)) << key;
    ASSERT_EQ(messages.not_acting_lines().size(), 1U) << key;
    EXPECT_THAT(messages.not_acting_lines()[0], HasSubstr(key));
  }
}

TEST(OtherKeys, FlowShiftIsExplained) {
  Messages messages;
  take_other_key("flow_schedule_shift", 3, &messages);
  EXPECT_THAT(messages.warnings().at(0), HasSubstr("its own timestep distribution"));
  EXPECT_THAT(messages.warnings().at(0), HasSubstr("[M72]"));
}

TEST(OtherKeys, TokensAreNotKept) {
  Messages messages;
  EXPECT_TRUE(take_other_key("hub_token", "hf_secret", &messages));
  EXPECT_THAT(messages.warnings().at(0), HasSubstr("[M75]"));
  EXPECT_THAT(messages.warnings().at(0), ::testing::Not(HasSubstr("hf_secret")));
}

TEST(OtherKeys, BiasPortionIsChecked) {
  Messages messages;
  take_other_key("timestep_bias_portion", 1.5, &messages);
  EXPECT_TRUE(messages.has_errors());
}

TEST(OtherKeys, SuggestionsForUnknownKeys) {
  const std::vector<std::string> known = key_names();
  EXPECT_EQ(unknown_key_text("valdation_steps", known),
            "unknown option \"valdation_steps\"; did you mean \"validation_steps\"?");
  EXPECT_THAT(unknown_key_text("Seed", known), HasSubstr("did you mean \"seed\"?"));
  EXPECT_THAT(unknown_key_text("eval_steps", known), HasSubstr("eval_steps_interval"));
  EXPECT_THAT(unknown_key_text("validation_on_step", known), HasSubstr("validation_steps"));
  EXPECT_THAT(unknown_key_text("TRAINER_EXTRA_ARGS", known), HasSubstr("put the options in it"));
  EXPECT_THAT(unknown_key_text("qqqqqqqqq", known), HasSubstr("--help"));
}

// A key may not be both: a field would hide the entry.
TEST(OtherKeys, TablesDoNotOverlap) {
  for (const std::string& key : key_names()) {
    Messages messages;
    EXPECT_FALSE(take_other_key(key, 1, &messages)) << key;
  }
}

}  // namespace
}  // namespace omnigen::config
