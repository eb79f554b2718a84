// The model of config/quickstart, and the drawn pictures it is measured with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "data/image_decode.h"
#include "data/image_encode.h"
#include "data/shape_judge.h"
#include "end_to_end/workspace.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const std::string kCache = std::string(OMNIGEN_BINARY_DIR) + "/omnigen-cache";
const fs::path kModel = fs::path(OMNIGEN_SOURCE_DIR) / "config/quickstart/model";

TEST(QuickstartModel, DrawsWhatItIsAsked) {
  constexpr int kPrompts = 16;
  Workspace workspace;
  ASSERT_EQ(workspace
                .run(fmt::format("{} draw --prompts prompts.json --set held-out --count {}", kCache,
                                 kPrompts))
                .exit_code,
            0);
  workspace.config["pretrained_model_name_or_path"] = kModel.string();
  workspace.config["user_prompt_library"] = workspace.path("prompts.json").string();
  workspace.config["validation_negative_prompt"] = "";
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome =
      workspace.train("run", 1,
                      {"--max_train_steps=1", "--validation_disable=false",
                       "--disable_benchmark=false", "--validation_resolution=128x128",
                       "--validation_num_inference_steps=12", "--validation_guidance=2.0"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  int num_right = 0;
  int num_judged = 0;
  for (const auto& entry :
       fs::directory_iterator(workspace.output("run") / "benchmarks/base_model")) {
    if (entry.path().extension() != ".png") continue;
    const std::string bytes = data::read_image_file(entry.path());
    const auto asked = data::asked_for(data::read_png_text(bytes).at("prompt"));
    if (!asked) continue;
    ++num_judged;
    num_right += data::judge(data::decode_image(bytes, "image").image, *asked).whole ? 1 : 0;
  }
  EXPECT_EQ(num_judged, kPrompts);
  EXPECT_GE(num_right, 12);  // of 0.92: fewer come up once in a few hundred draws
}

TEST(DrawnShapes, AreDrawnAndJudged) {
  Workspace workspace;
  const Outcome drawn =
      workspace.run(kCache + " draw --output drawn --set blickets --count 5 --side 96");
  EXPECT_EQ(drawn.exit_code, 0) << drawn.output;
  const Outcome again = workspace.run(kCache +
                                      " draw --output again --set blickets --count 5 --side 96 && "
                                      "diff -r drawn again");
  EXPECT_EQ(again.exit_code, 0) << again.output;
  const Outcome judged = workspace.run(kCache + " judge drawn");
  EXPECT_EQ(judged.exit_code, 0) << judged.output;
  EXPECT_THAT(judged.output, HasSubstr("blicket         5  100.0% 100.0% 100.0%   100.0%"));
  // Captions exchanged: nothing is as asked.
  for (int i = 0; i < 5; ++i) {
    std::ofstream(workspace.path(fmt::format("drawn/blickets_{:05}.txt", i)))
        << "a white star on the left";
  }
  EXPECT_THAT(workspace.run(kCache + " judge drawn").output,
              HasSubstr("shapes          5    0.0%   0.0%"));
}

TEST(DrawnShapes, RefuseWhatTheyCannotDo) {
  Workspace workspace;
  const auto expect = [&](const std::string& arguments, int code, const std::string& message) {
    const Outcome outcome = workspace.run(kCache + " " + arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(message));
  };
  expect("draw --output x --set blicket", 2, "did you mean \"blickets\"?");
  expect("draw --count 3", 2, "either --output DIR (pictures with captions) or --prompts");
  expect("draw --output x --count many", 2, "--count \"many\": expected a whole number from 1 on");
  expect("judge nowhere", 3, "is not a folder");
  expect("judge .", 3, "no PNG whose caption");
}

}  // namespace
}  // namespace omnigen::test
