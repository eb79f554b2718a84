// Options of the quickstart that only a whole run shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

const fs::path kSourceFolder = OMNIGEN_SOURCE_DIR;

std::map<std::string, std::string> images_of(const fs::path& output) {
  std::map<std::string, std::string> images;
  for (const auto& entry : fs::directory_iterator(output / "validation_images")) {
    const std::string name = entry.path().filename();
    if (name.ends_with("x64.png")) images[name] = io::read_file(entry.path());
  }
  return images;
}

double mean_of(const Workspace& workspace, const std::string& name, int64_t first, int64_t last) {
  const auto rows = workspace.metrics(name);
  double sum = 0;
  for (int64_t step = first; step <= last; ++step) {
    sum += rows.at(step).at("train_loss").get<double>();
  }
  return sum / static_cast<double>(last - first + 1);
}

// A second data set of the same pictures.
nlohmann::json twin(const Workspace& workspace, const std::string& id) {
  nlohmann::json entry = workspace.datasets[0];
  entry["id"] = id;
  entry["cache_dir_vae"] = workspace.path("cache-" + id).string();
  entry["repeats"] = 0;
  return entry;
}

TEST(Checklist, ValidationComesAtItsIntervalAndItsSeedDecidesThePixels) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const auto run = [&](const std::string& name, int seed) {
    const Outcome outcome = workspace.train(
        name, 1,
        {"--max_train_steps=4", "--validation_disable=false", "--validation_steps=2",
         "--validation_prompt=a-square", "--validation_resolution=64x64,96x64",
         "--validation_num_inference_steps=2", "--validation_disable_unconditional",
         fmt::format("--validation_seed={}", seed)});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return images_of(workspace.output(name));
  };
  const auto first = run("first", 42);
  std::set<std::string> steps;
  for (const auto& [name, bytes] : first) {
    EXPECT_THAT(name, HasSubstr("_validation_"));
    steps.insert(name.substr(0, name.find("_validation_")));
  }
  EXPECT_EQ(steps, (std::set<std::string>{"step_2", "step_4"}));
  EXPECT_EQ(first.size(), 4U);
  EXPECT_EQ(first.count("step_4_validation_1_96x64.png"), 1U);
  EXPECT_EQ(run("again", 42), first);
  EXPECT_NE(run("other", 43), first);
}

TEST(Checklist, EverythingARunWritesIsInItsFolderUnderTheTrackersNames) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const auto entries = [&] {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(workspace.path()))
      names.insert(entry.path().filename());
    return names;
  };
  auto expected = entries();
  expected.insert("output");
  const Outcome outcome =
      workspace.train("run", 1,
                      {"--max_train_steps=1", "--report_to=tensorboard",
                       "--tracker_project_name=cats", "--tracker_run_name=first-try"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(entries(), expected);
  const auto state =
      nlohmann::json::parse(io::read_file(workspace.output("run") / "run_state.json"));
  EXPECT_EQ(state.at("tracker_run_name"), "first-try");
  EXPECT_EQ(state.at("tracker_project_name"), "cats");
  bool events = false;
  for (const auto& entry :
       fs::recursive_directory_iterator(workspace.output("run") / "logs/cats")) {
    events = events || entry.path().filename().string().starts_with("events.out.tfevents.");
  }
  EXPECT_TRUE(events);
}

TEST(Checklist, TheLoggedRateWarmsUpWithAConstantSchedule) {
  Workspace workspace;
  workspace.config["learning_rate"] = "4e-5";
  workspace.config["lr_warmup_steps"] = 100;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 1, {"--max_train_steps=5"}).exit_code, 0);
  for (const auto& [step, row] : workspace.metrics("run")) {
    EXPECT_NEAR(row.at("learning_rate").get<double>(), 4e-5 * static_cast<double>(step) / 100,
                1e-12)
        << step;
  }
}

TEST(Checklist, RegularisationCostsNothingBeforeTheFirstUpdate) {
  Workspace workspace;
  workspace.datasets.push_back(twin(workspace, "prior"));
  workspace.datasets[1]["is_regularisation_data"] = true;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome =  // 15 samples an epoch: every batch holds some of either
      workspace.train("run", 1, {"--max_train_steps=3", "--gradient_accumulation_steps=15"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  auto rows = workspace.metrics("run");
  EXPECT_EQ(rows.at(1).at("regularisation_loss").get<double>(), 0.0);
  EXPECT_GT(rows.at(3).at("regularisation_loss").get<double>(), 0.0);
  EXPECT_THAT(outcome.output, HasSubstr("data set prior: images 5, repeats 0, samples per epoch 5, "
                                        "regularisation"));
}

TEST(Checklist, EvaluationRowsComeAtTheirIntervalAndAreNeverTrainedOn) {
  Workspace workspace;
  workspace.datasets.push_back(twin(workspace, "held-out"));
  workspace.datasets[1]["dataset_type"] = "eval";
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome = workspace.train("run", 1,
                                          {"--max_train_steps=4", "--eval_steps_interval=2",
                                           "--num_eval_images=1", "--eval_timesteps=2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const auto& [step, row] : workspace.metrics("run")) {
    EXPECT_EQ(row.contains("loss/val/held-out"), step > 0 && step % 2 == 0) << step;
  }
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("samples per epoch 10, batches"),
                    HasSubstr("5 files are in both \"held-out\" and \"pictures\"")));
}

TEST(Checklist, PrecisionsAgreeOverFiftySteps) {
  Workspace workspace;
  workspace.datasets.push_back(twin(workspace, "held-out"));
  workspace.datasets[1]["dataset_type"] = "eval";
  workspace.config["checkpointing_steps"] = 0;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const auto run = [&](const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--max_train_steps=50", "--eval_steps_interval=5", "--eval_timesteps=7"});
    const Outcome outcome = workspace.train(name, 1, arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  };
  run("float32", {});
  run("bf16", {"--mixed_precision=bf16"});
  run("int8", {"--mixed_precision=bf16", "--base_model_precision=int8-quanto"});
  for (const char* name : {"bf16", "int8"}) {
    for (int64_t first = 1; first <= 41; first += 10) {
      const double expected = mean_of(workspace, "float32", first, first + 9);
      EXPECT_NEAR(mean_of(workspace, name, first, first + 9), expected, 0.05 * expected)
          << name << " from step " << first;
    }
  }
  for (const char* name : {"float32", "bf16", "int8"}) {
    const auto rows = workspace.metrics(name);
    EXPECT_LT(rows.at(50).at("loss/val/held-out"), rows.at(5).at("loss/val/held-out")) << name;
  }
}

TEST(Checklist, TheQuickstartsPromptsAreAllRendered) {
  Workspace workspace;
  const Outcome outcome = workspace.train("run", 1, {"--max_train_steps=0"});  // writes config.json
  EXPECT_EQ(outcome.exit_code, 2);
  const Outcome check = workspace.run(
      fmt::format("{}/omnigen-dist check --config config.json --validation_disable=false "
                  "--validation_prompt=cat --validation_resolution=1024x1024,64x64 "
                  "--user_prompt_library={}/tests/config/reference_run/user_prompt_library.json",
                  OMNIGEN_BINARY_DIR, kSourceFolder.string()));
  EXPECT_THAT(check.output, AllOf(HasSubstr("validation: 17 prompts at 2 sizes"),
                                  HasSubstr("10 of 15 entries contain the placeholder <token>")));
}

TEST(Checklist, AMinimumOfZeroLeavesNoPictureOut) {
  Workspace workspace;
  workspace.config["minimum_image_size"] = 0;
  const Outcome outcome = workspace.build_cache();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("5 records"));
}

TEST(Checklist, TheTextCacheFolderIsMadeAndStaysEmpty) {
  Workspace workspace;
  workspace.datasets.push_back({{"id", "text-embeds"},
                                {"dataset_type", "text_embeds"},
                                {"default", true},
                                {"cache_dir", workspace.path("cache-text").string()}});
  const Outcome outcome = workspace.build_cache(2);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_TRUE(fs::is_empty(workspace.path("cache-text")));
  EXPECT_THAT(outcome.output, HasSubstr("stays empty"));
}

TEST(Checklist, OddPicturesAreTold) {
  Workspace workspace;
  const auto tiny = std::string("P6 32 32 255\n") + std::string(3 * 32 * 32, 'x');
  io::write_atomically(workspace.path("pictures/tiny.ppm"), tiny);
  io::write_atomically(workspace.path("pictures/tiny.txt"), "\n");
  io::write_atomically(workspace.path("pictures/again.ppm"), tiny);
  io::write_atomically(workspace.path("pictures/again.txt"), "a grey square");
  const Outcome outcome = workspace.build_cache();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("1 images repeat the content of another file"),
                                    HasSubstr("2 images are smaller than 64 pixels"),
                                    HasSubstr("1 images have an empty caption")));
}

TEST(Checklist, AFinishedRunStartedAgainHasNothingToDo) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 1, {"--max_train_steps=2"}).exit_code, 0);
  const Outcome again = workspace.train("run", 1, {"--max_train_steps=2"});
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_THAT(again.output, AllOf(HasSubstr("already at step 2 of 2: nothing to train"),
                                  HasSubstr("raise max_train_steps to go on")));
  const Outcome afresh =
      workspace.train("run", 1, {"--max_train_steps=2", "--resume_from_checkpoint=none"});
  EXPECT_THAT(afresh.output, HasSubstr("holds checkpoints up to checkpoint-2"));
}

TEST(Checklist, AMalformedValidationSizeIsToldBeforeAnythingIsRead) {
  Workspace workspace;  // without a cache
  const Outcome outcome = workspace.train(
      "run", 2, {"--validation_disable=false", "'--validation_resolution=1024*1024'"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("cannot read \"1024*1024\"; write WIDTHxHEIGHT"));
}

TEST(Checklist, RecomputingBlocksChangesNoLoss) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  std::vector<nlohmann::json> losses;
  for (const char* interval : {"0", "1", "2"}) {  // 0: nothing is recomputed
    std::vector<std::string> arguments = {"--max_train_steps=3", "--gradient_checkpointing=false"};
    if (*interval != '0') {
      arguments = {"--max_train_steps=3", "--gradient_checkpointing=true",
                   std::string("--gradient_checkpointing_interval=") + interval};
    }
    ASSERT_EQ(workspace.train(interval, 1, arguments).exit_code, 0);
    losses.push_back(workspace.metrics(interval).at(3).at("train_loss"));
  }
  EXPECT_EQ(losses[1], losses[0]);
  EXPECT_EQ(losses[2], losses[0]);
}

TEST(Checklist, TheLogSaysWhatItsLevelAsksFor) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome quiet = workspace.train("quiet", 1, {"--max_train_steps=2", "--log_level=warning"});
  EXPECT_EQ(quiet.exit_code, 0);
  EXPECT_THAT(quiet.output, ::testing::Not(HasSubstr("training complete")));
  const Outcome usual = workspace.train("usual", 1, {"--max_train_steps=2", "--log_interval=2"});
  EXPECT_THAT(usual.output, AllOf(HasSubstr("training complete"), HasSubstr("train 2/2")));
}

}  // namespace
}  // namespace omnigen::test
