// omnigen-cache as a program: killed and continued, finished, damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "end_to_end/workspace.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const std::string kCache = std::string(OMNIGEN_BINARY_DIR) + "/omnigen-cache";

fs::path first_shard(const Workspace& workspace) {
  for (const auto& entry : fs::directory_iterator(workspace.path("cache"))) {
    if (entry.path().extension() == ".h5" &&
        entry.path().filename().string().starts_with("pictures-r")) {
      return entry.path();
    }
  }
  return {};
}

TEST(Cache, AFinishedCacheIsLeftAlone) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache(2).exit_code, 0);
  const auto written = fs::last_write_time(first_shard(workspace));
  const Outcome again = workspace.build_cache(2);
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_EQ(fs::last_write_time(first_shard(workspace)), written);
}

TEST(Cache, OneUnreadablePictureIsReportedAndTheRestIsUsed) {
  Workspace workspace;
  std::ofstream(workspace.path("pictures/broken.png")) << "not a picture";
  std::ofstream(workspace.path("pictures/broken.txt")) << "a caption";
  workspace.config["max_failed_fraction"] = 0.5;
  const Outcome outcome = workspace.build_cache(2);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("broken.png"));
  EXPECT_EQ(workspace.train("run", 1, {"--max_train_steps=1"}).exit_code, 0);
}

TEST(Cache, VerifyNamesTheRecordOfAFlippedByte) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const std::string verify = fmt::format("{} verify {}", kCache, workspace.path("cache").string());
  ASSERT_EQ(workspace.run(verify).exit_code, 0);
  // Latents are the bulk of a shard: a byte in its middle is part of one.
  const fs::path shard = first_shard(workspace);
  std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(fs::file_size(shard) / 2);
  file.seekg(middle);
  const char flipped = static_cast<char>(file.peek() ^ 0x10);
  file.seekp(middle);
  file.put(flipped);
  file.close();
  const Outcome outcome = workspace.run(verify);
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, ::testing::ContainsRegex("(jpe?g|png|webp)"));
}

TEST(Cache, InspectAndStatsSayWhatIsThere) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  for (const char* verb : {"inspect", "stats"}) {
    const Outcome outcome =
        workspace.run(fmt::format("{} {} {}", kCache, verb, workspace.path("cache").string()));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("pictures"));
  }
}

}  // namespace
}  // namespace omnigen::test
