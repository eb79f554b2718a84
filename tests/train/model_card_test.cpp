#include "train/model_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace omnigen::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ModelCardTest : public ::testing::Test {
 protected:
  ModelCardTest() {
    config::Config& config = loaded_.config;
    config.model.pretrained_model_name_or_path = "/models/Shitao/OmniGen-v1-diffusers";
    config.model.model_type = "lora";
    config.adapter.lora_type = "lycoris";
    config.adapter.lycoris_config = R"({"algo": "lokr", "factor": 16})";
    config.optim.learning_rate = 4e-5;
    config.optim.optimizer = "adamw_bf16";
    config.data.caption_dropout_probability = 0.1;
    config.validate.validation_prompt = "A cat";
    config.validate.validation_resolution = "1024x768";
    plan_.batch = {2, 3, 4};
    plan_.sets = {{"subject", 12, 1000, false, "", {}}, {"others", 5, 0, true, "", {}}};
    loaded_.datasets.resize(1);
    loaded_.datasets[0].id = "subject";
  }
  [[nodiscard]] std::string card() const {
    return model_card(
        {loaded_, plan_, "owner/name", "https://huggingface.co", "it's bad", 500, 2, widgets_});
  }
  [[nodiscard]] std::string front_matter() const {
    const std::string text = card();
    return text.substr(0, text.find("---\n", 4));
  }

  config::LoadResult loaded_;
  RunPlan plan_;
  std::vector<CardWidget> widgets_ = {{"", "./assets/image_0_0.png"},
                                      {"a dog's\nday: \"#1\"", "./assets/image_1_0.png"}};
};

TEST_F(ModelCardTest, FrontMatterHasTheFieldsOfTheHub) {
  EXPECT_THAT(front_matter(),
              AllOf(::testing::StartsWith("---\nlicense: mit\nbase_model: "
                                          "\"Shitao/OmniGen-v1-diffusers\"\ntags:\n"),
                    HasSubstr("  - 'lycoris'\n"), HasSubstr("  - 'not-for-all-audiences'\n"),
                    HasSubstr("  - 'template:sd-lora'\n"), Not(HasSubstr("image-to-image")),
                    Not(HasSubstr("'simpletuner'")),
                    HasSubstr("pipeline_tag: text-to-image\ninference: true\n")));
}

TEST_F(ModelCardTest, WidgetsPairTextAndImage) {
  EXPECT_THAT(front_matter(),
              HasSubstr("- text: 'unconditional (blank prompt)'\n  parameters:\n    "
                        "negative_prompt: 'it''s bad'\n  output:\n    url: "
                        "./assets/image_0_0.png\n- text: 'a dog''s day: \"#1\"'\n"));
  widgets_.clear();
  EXPECT_THAT(front_matter(), Not(HasSubstr("widget")));
}

TEST_F(ModelCardTest, SaysHowItWasTrained) {
  EXPECT_THAT(card(),
              AllOf(HasSubstr("# owner/name\n\nThis is a LyCORIS adapter derived from "
                              "[Shitao/OmniGen-v1-diffusers](https://huggingface.co/Shitao/"
                              "OmniGen-v1-diffusers).\n"),
                    HasSubstr("```\nA cat\n```"),
                    HasSubstr("- Training epochs: 2\n- Training steps: 500\n"),
                    HasSubstr("- Learning rate: 4e-05\n"),
                    HasSubstr("- Effective batch size: 24\n  - Micro-batch size: 2\n  - Gradient "
                              "accumulation steps: 3\n  - Number of ranks: 4\n"),
                    HasSubstr("- Caption dropout probability: 10.0%\n"), HasSubstr("Pure BF16"),
                    HasSubstr("```json\n{\n    \"algo\": \"lokr\",\n    \"factor\": 16\n}\n```")));
}

TEST_F(ModelCardTest, ListsTheDataSets) {
  EXPECT_THAT(card(), AllOf(HasSubstr("### subject\n- Repeats: 1000\n- Total number of images: "
                                      "12\n- Samples per epoch: 12012\n- Batches per epoch: "
                                      "500.50\n- Resolution: "),
                            HasSubstr("### others\n- Repeats: 0\n- Total number of images: 5\n"),
                            HasSubstr("- Used for regularisation data: Yes\n")));
}

TEST_F(ModelCardTest, ShowsHowToUseIt) {
  EXPECT_THAT(card(), AllOf(HasSubstr("omnigen-dist --config simpletuner_config.json"),
                            HasSubstr("create_lycoris_from_weights"), HasSubstr("prompt=\"A cat\""),
                            HasSubstr("height=768,\n    width=1024,")));
  loaded_.config.adapter.lora_type = "standard";
  EXPECT_THAT(card(), AllOf(HasSubstr("PeftModel.from_pretrained"), Not(HasSubstr("LyCORIS"))));
  loaded_.config.model.model_type = "full";
  EXPECT_THAT(card(), AllOf(HasSubstr("OmniGenTransformer2DModel.from_pretrained"),
                            HasSubstr("This is a full rank finetune derived from")));
}

TEST_F(ModelCardTest, NotesAndTagsAreTheUsers) {
  loaded_.config.publish.model_card_note = "Trained on my own dog.";
  loaded_.config.publish.model_card_safe_for_work = true;
  loaded_.config.validate.validation_prompt = "";
  EXPECT_THAT(card(), AllOf(HasSubstr("Trained on my own dog.\n"), HasSubstr("'safe-for-work'"),
                            HasSubstr("No main validation prompt was used.")));
}

TEST(BaseModelId, IsAnIdOrUnknown) {
  EXPECT_EQ(base_model_id("Shitao/OmniGen-v1-diffusers"), "Shitao/OmniGen-v1-diffusers");
  EXPECT_EQ(base_model_id("/data/Shitao/OmniGen-v1/"), "Shitao/OmniGen-v1");
  EXPECT_EQ(base_model_id("me/my-omnigen"), "me/my-omnigen");
  EXPECT_EQ(base_model_id("/data/my/omnigen"), "omnigen/unknown-model");
  EXPECT_EQ(base_model_id("./omnigen"), "omnigen/unknown-model");
  EXPECT_EQ(base_model_id("omnigen"), "omnigen/unknown-model");
}

TEST_F(ModelCardTest, CommitSaysWhatWasTrained) {
  EXPECT_EQ(commit_message({loaded_, plan_, "owner/name", "", "", 500, 2, {}}),
            "Trained for 2 epochs and 500 steps.\n\nTrained with datasets subject, others\n"
            "Learning rate 4e-05, batch size 2, and 3 gradient accumulation steps.\nTraining "
            "objective: flow matching\nBase model: Shitao/OmniGen-v1-diffusers\nVAE: the base "
            "model's");
}

}  // namespace
}  // namespace omnigen::train
