// The main job: the same run at any number of ranks, and what it leaves behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"
#include "io/safetensors_reader.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(Train, IsTheSameRunAtAnyNumberOfRanks) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  std::map<int, std::map<int64_t, nlohmann::json>> runs;
  for (const auto& [ranks, accumulation] : {std::pair{1, 12}, {2, 6}, {3, 4}, {4, 3}}) {
    const std::string name = fmt::format("ranks{}", ranks);
    const Outcome outcome = workspace.train(
        name, ranks, {fmt::format("--gradient_accumulation_steps={}", accumulation)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    runs[ranks] = workspace.metrics(name);
  }
  for (const int ranks : {2, 3, 4}) {
    for (const int64_t step : {1, 5, 20}) {
      const auto expected = runs[1].at(step).at("train_loss").get<double>();
      EXPECT_NEAR(runs[ranks].at(step).at("train_loss").get<double>(), expected,
                  kEqualLosses * expected)
          << ranks << " ranks, step " << step;
    }
  }
  EXPECT_NE(runs[1].at(1).at("train_loss"), runs[1].at(20).at("train_loss"));
}

TEST(Train, LeavesAdapterCheckpointsAndRecords) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome =
      workspace.train("run", 2,
                      {"--max_train_steps=6", "--checkpointing_steps=2",
                       "--checkpoints_total_limit=2", "--report_to=tensorboard"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("training complete: 6 steps"));
  const fs::path output = workspace.output("run");
  for (const char* name :
       {"pytorch_lora_weights.safetensors", "lycoris_config.json",
        "ema/pytorch_lora_weights.safetensors", "checkpoint-4/checkpoint_manifest.json",
        "checkpoint-6/optimizer.safetensors", "run_state.json", "simpletuner_config.json"}) {
    EXPECT_TRUE(fs::exists(output / name)) << name;
  }
  EXPECT_FALSE(fs::exists(output / "checkpoint-2"));
  const io::SafetensorsReader adapter(output / "pytorch_lora_weights.safetensors");
  EXPECT_TRUE(adapter.contains("lycoris_layers_0_self_attn_to_q.lokr_w1"));
  EXPECT_TRUE(adapter.metadata().contains("lycoris_config"));
  EXPECT_EQ(workspace.metrics("run").size(), 6U);
}

TEST(Train, AProfileSaysWhereTheTimeOfAStepGoes) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome = workspace.train("run", 2, {"--max_train_steps=5", "--profile=3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("profile of 3 steps, rank 0: "));
  const fs::path folder = workspace.output("run") / "profile";
  const auto profile = nlohmann::json::parse(io::read_file(folder / "profile.json"));
  EXPECT_EQ(profile.at("steps"), 3);
  EXPECT_GT(profile.at("roof_flops").get<double>(), 1e8);
  std::map<std::string, nlohmann::json> parts;
  double total_s = 0.0;
  for (const auto& part : profile.at("parts")) {
    parts[part.at("part")] = part;
    for (const char* pass : {"forward_s", "backward_s", "recompute_s", "once_s"}) {
      total_s += part.at(pass).get<double>();
    }
  }
  for (const char* part : {"embedding", "norm", "qkv", "RoPE", "attention", "attention out",
                           "adapter", "MLP", "SwiGLU", "output"}) {
    EXPECT_GT(parts.at(part).at("forward_s"), 0.0) << part;
  }
  for (const char* part : {"norm", "qkv", "RoPE", "attention", "adapter", "MLP", "SwiGLU"}) {
    EXPECT_GT(parts.at(part).at("backward_s"), 0.0) << part;
  }
  for (const char* part : {"loss", "optimizer", "communication", "data wait"}) {
    EXPECT_GT(parts.at(part).at("once_s"), 0.0) << part;
  }
  EXPECT_GT(parts.at("MLP").at("flop").get<double>(), 0.0);
  const auto rows = workspace.metrics("run");
  double steps_s = 0.0;
  for (const int64_t step : {2, 3, 4})
    steps_s += rows.at(step).at("perf/step_seconds").get<double>();
  EXPECT_LE(total_s, steps_s / 3 * 1.01);
  EXPECT_GT(total_s, steps_s / 3 * 0.5);
  for (const char* trace : {"trace_rank0.json", "trace_rank1.json"}) {
    EXPECT_GT(nlohmann::json::parse(io::read_file(folder / trace)).at("traceEvents").size(), 30U);
  }
}

TEST(Train, TheResolvedConfigurationReproducesTheRun) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("first", 1, {"--max_train_steps=3"}).exit_code, 0);
  fs::copy_file(workspace.output("first") / "simpletuner_config.json",
                workspace.path("resolved.json"));
  const Outcome again =
      workspace.run(fmt::format("{}/omnigen-dist --config resolved.json --output_dir={}",
                                OMNIGEN_BINARY_DIR, workspace.output("again").string()));
  ASSERT_EQ(again.exit_code, 0) << again.output;
  EXPECT_EQ(workspace.metrics("first").at(3).at("train_loss"),
            workspace.metrics("again").at(3).at("train_loss"));
}

TEST(Train, ADryRunSaysTheCommandAndThePlanForItsRanks) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome = workspace.run(
      fmt::format("OMNIGEN_BUILD_DIR={} {}/launch/train.sh -n 3 --dry-run --config config.json",
                  OMNIGEN_BINARY_DIR, OMNIGEN_SOURCE_DIR));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("would run:"));
  EXPECT_THAT(outcome.output,
              HasSubstr("effective batch 3 = 1 per rank x 3 ranks x 1 accumulation"));
  EXPECT_FALSE(fs::exists(workspace.output("run")));
}

TEST(Train, RendersValidationImagesOverRanks) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const std::vector<std::string> arguments = {"--max_train_steps=2",
                                              "--validation_disable=false",
                                              "--validation_steps=2",
                                              "--validation_prompt=a-square",
                                              "--validation_resolution=64x64,96x64",
                                              "--validation_num_inference_steps=2",
                                              "--disable_benchmark=false"};
  ASSERT_EQ(workspace.train("one", 1, arguments).exit_code, 0);
  auto more = arguments;
  more.emplace_back("--gradient_accumulation_steps=1");
  const Outcome two = workspace.train("two", 2, more);
  ASSERT_EQ(two.exit_code, 0) << two.output;
  int images = 0;
  for (const auto& entry : fs::directory_iterator(workspace.output("one") / "validation_images")) {
    images += entry.path().extension() == ".png" ? 1 : 0;
    EXPECT_TRUE(
        fs::exists(workspace.output("two") / "validation_images" / entry.path().filename()));
  }
  EXPECT_GE(images, 4);  // two prompts (one of them unconditional) at two sizes
}

}  // namespace
}  // namespace omnigen::test
