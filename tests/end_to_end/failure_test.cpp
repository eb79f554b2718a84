// What goes wrong ends with one message and a code, quickly, on every rank.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"
#include "util/stopwatch.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kLimitSeconds = 30.0;

void expect_failure(const Outcome& outcome, int exit_code, const std::string& text) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr(text));
  EXPECT_LT(outcome.seconds, kLimitSeconds);
}

TEST(Failure, AMisspeltKeyIsNamedOnceWithTheNearest) {
  Workspace workspace;
  workspace.config["valdation_steps"] = 5;
  const Outcome outcome = workspace.train("run", 2);
  expect_failure(outcome, 2, "did you mean \"validation_steps\"");
  EXPECT_EQ(outcome.output.find("valdation_steps"), outcome.output.rfind("valdation_steps"));
}

TEST(Failure, AMissingPictureFolderIsNamed) {
  Workspace workspace;
  workspace.datasets[0]["instance_data_dir"] = workspace.path("nowhere").string();
  expect_failure(workspace.build_cache(2), 3, "nowhere");
}

TEST(Failure, AnEmptyDataSetIsAnError) {
  Workspace workspace;
  fs::create_directories(workspace.path("empty"));
  workspace.datasets[0]["instance_data_dir"] = workspace.path("empty").string();
  expect_failure(workspace.build_cache(2), 3, "no image");
}

TEST(Failure, AMissingCacheNamesTheCommandThatBuildsIt) {
  Workspace workspace;
  expect_failure(workspace.train("run", 2), 3, "omnigen-cache build");
}

TEST(Failure, ACacheOfOtherSettingsIsRefusedAndTheDifferenceNamed) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  workspace.config["seed"] = 4711;  // a run's own matter
  EXPECT_EQ(workspace.train("other_seed", 1, {"--max_train_steps=1"}).exit_code, 0);
  workspace.datasets[0]["resolution"] = 96;
  expect_failure(workspace.train("run", 2), 3, "resolution: cached ");
}

TEST(Failure, WeightsOfAnotherShapeAreListed) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  fs::copy(fs::path(OMNIGEN_SOURCE_DIR) / "tests/golden/tiny-omnigen", workspace.path("model"),
           fs::copy_options::recursive);
  const fs::path path = workspace.path("model/transformer/config.json");
  auto json = nlohmann::json::parse(io::read_file(path));
  json["intermediate_size"] = 2 * json.at("intermediate_size").get<int64_t>();
  io::write_atomically(path, json.dump());
  workspace.config["pretrained_model_name_or_path"] = workspace.path("model").string();
  expect_failure(workspace.train("run", 2), 3, "layers.0.mlp.gate_up_proj.weight");
}

TEST(Failure, AKilledRankEndsTheJob) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const pid_t job = workspace.start_training("run", 2, {"--max_train_steps=100000"});
  ASSERT_TRUE(wait_for(workspace.output("run") / "checkpoint-5"));
  pid_t victim = 0;
  const auto processes = processes_with("--output_dir=" + workspace.output("run").string());
  for (const pid_t process : processes) {
    const auto program = fs::read_symlink(fmt::format("/proc/{}/exe", process)).filename();
    if (program == "omnigen-dist") victim = process;
  }
  ASSERT_NE(victim, 0);
  const util::Stopwatch watch;
  ::kill(victim, SIGKILL);
  int status = 0;
  ::waitpid(job, &status, 0);
  EXPECT_LT(watch.elapsed_s(), kLimitSeconds);
  EXPECT_NE(status, 0);
  EXPECT_TRUE(processes_with("--output_dir=" + workspace.output("run").string()).empty());
}

TEST(Failure, ASecondRunInTheSameFolderIsRefused) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const pid_t job = workspace.start_training("run", 1, {"--max_train_steps=100000"});
  ASSERT_TRUE(wait_for(workspace.output("run") / "checkpoint-5"));
  expect_failure(workspace.train("run", 1), 2, "is in use by");
  kill_group(job);
}

TEST(Failure, AFullDiskKeepsTheEarlierCheckpoints) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const fs::path disk = workspace.path("disk");
  fs::create_directories(disk);
  const std::string mount = fmt::format("mount -t tmpfs -o size=1m tmpfs {}", disk.string());
  if (workspace.run(mount).exit_code != 0) GTEST_SKIP() << "needs the right to mount a tmpfs";
  fs::create_directory_symlink(disk, workspace.path("output"));
  const Outcome outcome =
      workspace.train("run", 1, {"--max_train_steps=1000", "--checkpointing_steps=1"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("No space left"),
                                    HasSubstr("last complete checkpoint: checkpoint-")));
  EXPECT_TRUE(fs::exists(disk / "run/checkpoint-1/checkpoint_manifest.json"));
  workspace.run(fmt::format("umount {}", disk.string()));
}

}  // namespace
}  // namespace omnigen::test
