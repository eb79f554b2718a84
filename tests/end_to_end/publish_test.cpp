// What a run leaves for others: model card, uploads through the Hub's client, trackers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Writes down its arguments and the Hub's address; knows who it is.
void make_client(const Workspace& workspace) {
  fs::create_directories(workspace.path("bin"));
  const fs::path client = workspace.path("bin/hf");
  std::ofstream(client) << "#!/bin/sh\necho \"$HF_ENDPOINT $*\" >>"
                        << workspace.path("calls").string()
                        << "\ncase \"$1\" in auth) echo 'user: me' ;; upload) ls \"$3\" >>"
                        << workspace.path("calls").string() << " ;; esac\n";
  ::chmod(client.c_str(), 0755);
}

std::string with_environment(const Workspace& workspace, const std::string& more) {
  return fmt::format(
      "PATH={}:$PATH HF_ENDPOINT=http://localhost:9/ {} {}/omnigen-dist --config "
      "config.json --output_dir={}",
      workspace.path("bin").string(), more, OMNIGEN_BINARY_DIR, workspace.output("run").string());
}

TEST(Publish, ResultGoesToTheHubThroughItsClient) {
  Workspace workspace;
  workspace.config["push_to_hub"] = true;
  workspace.config["hub_model_id"] = "dog";
  workspace.config["max_train_steps"] = 4;
  workspace.config["checkpointing_steps"] = 2;
  workspace.config["push_checkpoints_to_hub"] = true;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  make_client(workspace);
  const Outcome outcome = workspace.run(with_environment(workspace, "HF_TOKEN=secret-token"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const std::string calls = io::read_file(workspace.path("calls"));
  EXPECT_THAT(calls, AllOf(::testing::StartsWith("http://localhost:9/ auth whoami\n"),
                           HasSubstr("hub_upload/checkpoint-2 checkpoint-2 --repo-type model"),
                           HasSubstr("hub_upload/result . --repo-type model --commit-message "
                                     "Trained for"),
                           HasSubstr("upload me/dog "), HasSubstr("--private"),
                           HasSubstr("README.md\n"), HasSubstr("simpletuner_config.json\n"),
                           HasSubstr("pytorch_lora_weights.safetensors\n"),
                           Not(HasSubstr("secret-token"))));
  EXPECT_THAT(outcome.output, Not(HasSubstr("secret-token")));
}

TEST(Publish, MissingTokenOrClientIsSaidBeforeAnythingIsLoaded) {
  Workspace workspace;
  workspace.config["push_to_hub"] = true;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const std::string no_token =
      fmt::format("HF_TOKEN= HF_HOME={0} HOME={0}", workspace.path().string());
  const Outcome token = workspace.run(with_environment(workspace, no_token));
  EXPECT_EQ(token.exit_code, 2);
  EXPECT_THAT(token.output, AllOf(HasSubstr("No Hugging Face Hub token found"), HasSubstr("[C35]"),
                                  Not(HasSubstr("Running training"))));
  const Outcome client = workspace.run(
      fmt::format("PATH=/nowhere HF_TOKEN=x {}/omnigen-dist --config config.json --output_dir={}",
                  OMNIGEN_BINARY_DIR, workspace.output("run").string()));
  EXPECT_EQ(client.exit_code, 2);
  EXPECT_THAT(client.output, HasSubstr("neither hf nor huggingface-cli is on PATH"));
  const Outcome address = workspace.run(with_environment(workspace, "HF_ENDPOINT=hf-mirror.com"));
  EXPECT_EQ(address.exit_code, 2);
  EXPECT_THAT(address.output, HasSubstr("write https://hf-mirror.com [M50]"));
}

TEST(Publish, CardIsWrittenWithoutTheHub) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome = workspace.train(
      "run", 2,
      {"--max_train_steps=2", "--checkpointing_steps=2", "--validation_disable=false",
       "--validation_steps=2", "--validation_prompt=a-square", "--num_validation_images=2",
       "--validation_resolution=64x64,96x64", "--validation_num_inference_steps=2",
       "--validation_image_format=jpeg", "--post_checkpoint_script=touch\\ script-{global_step}"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* folder : {"", "checkpoint-2"}) {
    const fs::path place = workspace.output("run") / folder;
    const std::string card = io::read_file(place / "README.md");
    EXPECT_THAT(card, AllOf(HasSubstr("- Training steps: 2\n"), HasSubstr("\"algo\": \"lokr\""),
                            HasSubstr("  - Number of ranks: 2\n")));
    // Two prompts, two sizes, two images of each.
    for (const char* name : {"image_0_0.png", "image_0_3.png", "image_1_3.png"}) {
      EXPECT_TRUE(fs::exists(place / "assets" / name)) << name;
      EXPECT_THAT(card, HasSubstr(std::string("url: ./assets/") + name));
    }
    EXPECT_TRUE(fs::exists(place / "simpletuner_config.json"));
  }
  EXPECT_TRUE(
      fs::exists(workspace.output("run") / "validation_images/step_2_validation_3_96x64.jpg"));
  EXPECT_TRUE(fs::exists(workspace.path("script-2")));
  // The card is no part of what a resume verifies.
  const Outcome again = workspace.train("run", 1, {"--max_train_steps=3"});
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("resuming from checkpoint-2"));
}

TEST(Publish, EveryTrackerIsServed) {
  Workspace workspace;
  workspace.config["report_to"] = nlohmann::json::array({"tensorboard", "wandb", "custom-tracker"});
  workspace.config["custom_tracker"] = "cat";
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome = workspace.train("run", 2, {"--max_train_steps=2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const fs::path logs = workspace.output("run") / "logs";
  EXPECT_THAT(io::read_file(logs / "wandb-offline/records.jsonl"), HasSubstr("train_loss"));
  EXPECT_THAT(io::read_file(logs / "custom-tracker.log"), HasSubstr("train_loss"));
  EXPECT_TRUE(fs::exists(logs / "simpletuner"));
}

}  // namespace
}  // namespace omnigen::test
