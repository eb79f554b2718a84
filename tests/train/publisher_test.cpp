#include "train/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <regex>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

validate::ValidationImage make_image(const std::string& name, int64_t index,
                                     const std::string& prompt) {
  validate::ValidationImage image;
  image.short_name = name;
  image.index = index;
  image.prompt = prompt;
  image.unstitched_png = "png of " + name;
  return image;
}

class PublisherTest : public ::testing::Test {
 protected:
  PublisherTest() {
    config::Config& config = loaded_.config;
    config.train.output_dir = (dir_ / "out").string();
    config.adapter.lycoris_config = R"({"algo": "lokr"})";
    config.adapter.lora_type = "lycoris";
    config.model.model_type = "lora";
    config.validate.validation_resolution = "64x64";
    config.log.tracker_run_name = "run one";
    loaded_.resolved = {{"seed", 42}};
    plan_.sets = {{"subject", 12, 0, false, "", {}}};
    fs::create_directories(dir_ / "out/logs");
    make_checkpoint("out");
    // Each call: arguments, and the files of the folder it is to upload.
    const fs::path client = dir_ / "hf";
    std::ofstream(client) << "#!/bin/sh\n(eval last=\\${$#}; echo \"$1 $2 $4 $last "
                             "endpoint=$HF_ENDPOINT\"; cd \"$3\" && "
                             "find . -type f | sort) >>"
                          << (dir_ / "calls").string() << "\ntest ! -e " << (dir_ / "fail").string()
                          << '\n';
    ::chmod(client.c_str(), 0755);
  }
  fs::path make_checkpoint(const std::string& name) {
    for (const char* file :
         {"pytorch_lora_weights.safetensors", "lycoris_config.json", "optimizer.safetensors",
          "ema/ema_model.safetensors", "ema/ema_state.safetensors"}) {
      io::write_atomically(dir_ / name / file, "content");
    }
    return dir_ / name;
  }
  std::unique_ptr<Publisher> make_publisher(bool with_hub = false) {
    std::optional<HubAccess> hub;
    if (with_hub) hub = HubAccess{dir_ / "hf", "https://huggingface.co", "me/dog", "", true};
    return std::make_unique<Publisher>(
        Publisher::Parts{loaded_, plan_, hub, "https://huggingface.co", "ugly", 0.01});
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    return io::read_file(dir_ / name);
  }
  // Image addresses in a card, all of which must be files.
  [[nodiscard]] std::vector<std::string> widgets_of(const fs::path& folder) const {
    const std::string card = io::read_file(folder / "README.md");
    const std::regex url("    url: (\\S+)");
    std::vector<std::string> urls;
    for (auto it = std::sregex_iterator(card.begin(), card.end(), url);
         it != std::sregex_iterator(); ++it) {
      urls.push_back((*it)[1]);
      EXPECT_TRUE(fs::is_regular_file(folder / urls.back())) << urls.back();
    }
    return urls;
  }

  test::TempDir dir_;
  config::LoadResult loaded_;
  RunPlan plan_;
};

TEST_F(PublisherTest, CheckpointsGetCardAndSettings) {
  const auto folder = make_checkpoint("out/checkpoint-5");
  make_publisher()->checkpoint(folder, 5, 1, false);
  EXPECT_THAT(read("out/checkpoint-5/README.md"),
              AllOf(HasSubstr("- Training steps: 5\n"), HasSubstr("# simpletuner\n")));
  EXPECT_EQ(read("out/checkpoint-5/simpletuner_config.json"), "{\n  \"seed\": 42\n}\n");
  EXPECT_THAT(widgets_of(folder), ElementsAre());
}

TEST_F(PublisherTest, ImagesOfItsStepGoIntoTheFinishedCheckpoint) {
  const auto five = make_checkpoint("out/checkpoint-5");
  const auto publisher = make_publisher();
  publisher->checkpoint(five, 5, 1, false);
  publisher->images(5, {make_image("cat", 0, "A cat"), make_image("cat", 1, "A cat"),
                        make_image("dog", 0, "A dog")});
  EXPECT_THAT(widgets_of(five), ElementsAre("./assets/image_0_0.png", "./assets/image_0_1.png",
                                            "./assets/image_1_0.png"));
  EXPECT_EQ(read("out/checkpoint-5/assets/image_1_0.png"), "png of dog");
  // Those of a later step do not, but the next checkpoint has them.
  publisher->images(6, {make_image("cat", 0, "A cat")});
  EXPECT_EQ(widgets_of(five).size(), 3U);
  const auto seven = make_checkpoint("out/checkpoint-7");
  publisher->checkpoint(seven, 7, 1, false);
  EXPECT_THAT(widgets_of(seven), ElementsAre("./assets/image_0_0.png"));
  publisher->finish(8, 2, true);
  EXPECT_EQ(widgets_of(dir_ / "out").size(), 1U);
}

TEST_F(PublisherTest, ResultIsUploadedAtTheEnd) {
  const auto publisher = make_publisher(true);
  publisher->checkpoint(make_checkpoint("out/checkpoint-5"), 5, 1, false);
  publisher->images(5, {make_image("cat", 0, "A cat")});
  publisher->finish(5, 1, true);
  EXPECT_THAT(
      read("calls"),
      AllOf(::testing::StartsWith("upload me/dog . --private endpoint="),
            HasSubstr("./README.md\n"), HasSubstr("./assets/image_0_0.png\n"),
            HasSubstr("./ema/ema_model.safetensors\n"), HasSubstr("./lycoris_config.json\n"),
            HasSubstr("./pytorch_lora_weights.safetensors\n"),
            HasSubstr("./simpletuner_config.json\n")));
  EXPECT_EQ(read("calls").find("optimizer"), std::string::npos);
  EXPECT_EQ(read("calls").find("ema_state"), std::string::npos);
  EXPECT_EQ(read("calls").find("upload", 10), std::string::npos);  // one call
  EXPECT_FALSE(fs::exists(dir_ / "out/hub_upload/result"));
}

TEST_F(PublisherTest, CheckpointsAreUploadedIfAskedFor) {
  loaded_.config.publish.push_checkpoints_to_hub = true;
  const auto publisher = make_publisher(true);
  publisher->checkpoint(make_checkpoint("out/checkpoint-5"), 5, 1, false);
  publisher->checkpoint(make_checkpoint("out/checkpoint-6-rolling"), 6, 1, true);
  publisher->finish(6, 1, false);  // stopped early
  EXPECT_THAT(read("calls"), AllOf(HasSubstr("upload me/dog checkpoint-5 --private"),
                                   HasSubstr("upload me/dog . --private")));
  EXPECT_EQ(read("calls").find("checkpoint-6"), std::string::npos);
}

TEST_F(PublisherTest, FailedUploadIsTriedThreeTimesAndEndsNoRun) {
  std::ofstream(dir_ / "fail");
  ::testing::internal::CaptureStderr();
  make_publisher(true)->finish(5, 1, true);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("upload of step 5 to me/dog: attempt 3 of 3 ended with code 1"));
  const std::string calls = read("calls");
  const std::regex call("upload me/dog");
  EXPECT_EQ(std::distance(std::sregex_iterator(calls.begin(), calls.end(), call), {}), 3);
}

TEST_F(PublisherTest, ScriptsRunAfterCheckpointsAndUploads) {
  loaded_.config.publish.post_checkpoint_script =
      "echo \"saved {local_checkpoint_path} {global_step} {tracker_run_name}\" >>" +
      (dir_ / "scripts").string();
  loaded_.config.publish.post_upload_script =
      "echo \"uploaded {remote_checkpoint_path}\" >>" + (dir_ / "scripts").string();
  loaded_.config.publish.push_checkpoints_to_hub = true;
  const auto publisher = make_publisher(true);
  const auto folder = make_checkpoint("out/checkpoint-5");
  publisher->checkpoint(folder, 5, 1, false);
  publisher->finish(5, 1, false);
  EXPECT_EQ(read("scripts"), "saved " + folder.string() +
                                 " 5 run one\nuploaded me/dog/checkpoint-5\nuploaded me/dog\n");
}

TEST_F(PublisherTest, WholeModelIsTheRepositorysContent) {
  io::write_atomically(dir_ / "out/pipeline/transformer/config.json", "{}");
  make_publisher(true)->finish(5, 1, true);
  EXPECT_THAT(read("calls"), HasSubstr("./transformer/config.json\n"));
}

}  // namespace
}  // namespace omnigen::train
