// A build that is killed at any point and started again ends as if it had not been.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/build.h"
#include "cache/cache_workspace.h"
#include "io/shard_journal.h"
#include "support/run_ranks.h"
#include "util/error.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;

struct Killed : std::exception {};

// Ends the build at its n-th collective, as a kill would: nothing is committed or cleaned up after.
class MortalGroup : public comm::SingleGroup {
 public:
  explicit MortalGroup(int64_t lifetime) : lifetime_(lifetime) {}

  void all_reduce_sum(at::Tensor& tensor) override {
    age();
    SingleGroup::all_reduce_sum(tensor);
  }
  std::string broadcast_bytes(const std::string& bytes, int root) override {
    age();
    return SingleGroup::broadcast_bytes(bytes, root);
  }
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override {
    age();
    return SingleGroup::all_gather_bytes(bytes);
  }
  void barrier() override { age(); }

 private:
  void age() {
    if (lifetime_-- == 0) throw Killed();
  }

  int64_t lifetime_;
};

// Whether the build was killed.
bool build_until(CacheWorkspace& workspace, int64_t lifetime) {
  MortalGroup group(lifetime);
  try {
    workspace.build(group);
    return false;
  } catch (const Killed&) {
    return true;
  }
}

TEST(Interruption, AtAnyPointEndsInTheSameFiles) {
  CacheWorkspace workspace;
  workspace.build();
  const auto straight = workspace.files();
  int64_t lifetime = 0;
  int64_t most_resumed = 0;
  while (true) {
    workspace.clear();
    if (!build_until(workspace, lifetime++)) break;
    const cache::BuildReport report = workspace.build();
    // Killed after the index was written: nothing is left to do.
    EXPECT_EQ(report.num_encoded + report.num_resumed, report.changed ? 6 : 0) << lifetime;
    EXPECT_EQ(report.num_records, 6);
    most_resumed = std::max(most_resumed, report.num_resumed);
    EXPECT_EQ(workspace.files(), straight) << "killed at collective " << lifetime;
  }
  EXPECT_GE(lifetime, 8) << "as many points as the build has steps";
  EXPECT_EQ(most_resumed, 6);
}

// Committed rows of the only shard.
int64_t num_journalled(const CacheWorkspace& workspace) {
  const auto journal = io::read_journal(workspace.folder() / "pictures-r0-0000.h5.journal");
  int64_t count = 0;
  for (const io::JournalEntry& entry :
       journal ? journal->entries : std::vector<io::JournalEntry>{}) {
    count += entry.count;
  }
  return count;
}

TEST(Interruption, AgainAndAgainLosesNoCommittedRecord) {
  CacheWorkspace workspace;
  workspace.dataset.vae_batch_size = 1;
  workspace.dataset.write_batch_size = 1;
  int64_t before = 0;
  int64_t num_kills = 0;
  while (build_until(workspace, 5) && num_kills < 20) {
    ++num_kills;
    const int64_t now = num_journalled(workspace);
    if (now == 0) break;  // the shard is finished
    EXPECT_GT(now, before);
    before = now;
  }
  EXPECT_GE(num_kills, 2);
  const cache::BuildReport report = workspace.build();
  EXPECT_EQ(report.num_encoded + report.num_resumed, 6);
  EXPECT_GE(report.num_resumed, before);
}

TEST(Interruption, WithAnotherNumberOfRanksKeepsWhatIsThere) {
  CacheWorkspace workspace;
  workspace.dataset.write_batch_size = 2;
  ASSERT_TRUE(build_until(workspace, 6));
  int64_t encoded = 0;
  run_ranks(2, [&](comm::ProcessGroup& group) {
    const cache::BuildReport report = workspace.build(group);
    if (group.is_root()) encoded = report.num_encoded;
  });
  EXPECT_LT(encoded, 6);
  EXPECT_EQ(workspace.open().size(), 6);
  EXPECT_FALSE(workspace.build().changed);
}

TEST(Interruption, WithAnotherSetOfFilesKeepsWhatIsThere) {
  CacheWorkspace workspace;
  ASSERT_TRUE(build_until(workspace, 6));
  workspace.add("another.jpg", "jpeg_422_restart.jpg");
  const cache::BuildReport report = workspace.build();
  EXPECT_LT(report.num_encoded, 7);
  EXPECT_EQ(report.num_records, 7);
  EXPECT_FALSE(workspace.build().changed);
}

TEST(Interruption, WithOtherSettingsIsRefused) {
  CacheWorkspace workspace;
  ASSERT_TRUE(build_until(workspace, 6));
  workspace.dataset.resolution = 0.016384;
  EXPECT_THAT(message_of<util::DataError>([&] { workspace.build(); }),
              ::testing::HasSubstr("unfinished build with other settings"));
  workspace.config.cache.override_dataset_config = true;
  EXPECT_EQ(workspace.build().num_encoded, 6);
}

TEST(Interruption, ARunCannotTrainOnWhatIsUnfinished) {
  CacheWorkspace workspace;
  ASSERT_TRUE(build_until(workspace, 6));
  EXPECT_THAT(message_of<util::DataError>([&] { static_cast<void>(workspace.open()); }),
              ::testing::HasSubstr("omnigen-cache build"));
}

}  // namespace
}  // namespace omnigen::test
