#include "comm/rank_agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/run_ranks.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

using testing::HasSubstr;

template <typename Call>
std::string config_error_of(const Call& call) {
  try {
    call();
  } catch (const util::ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

TEST(RankAgreement, EqualValuesPass) {
  test::run_ranks(3, [](ProcessGroup& group) {
    EXPECT_NO_THROW(check_same_everywhere(group, "a", "build", "1a2b"));
  });
}

TEST(RankAgreement, EveryRankNamesBothHostsThatDiffer) {
  test::run_ranks(3, [](ProcessGroup& group) {
    const bool odd = group.rank() == 1;
    const auto message = config_error_of(
        [&] { check_same_everywhere(group, odd ? "b" : "a", "build", odd ? "1a2b" : "3c4d"); });
    EXPECT_THAT(message, HasSubstr("host b (rank 1) runs build 1a2b, host a (rank 0) runs 3c4d"));
  });
}

TEST(RankAgreement, SharedFolderIsMadeProbedAndLeftEmpty) {
  const test::TempDir dir;
  const auto folder = dir / "out/run";
  test::run_ranks(
      2, [&](ProcessGroup& group) { EXPECT_NO_THROW(check_shared_folder(group, "a", folder)); });
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(RankAgreement, NamesTheHostThatSeesAnotherFolder) {
  const test::TempDir dir;
  test::run_ranks(2, [&](ProcessGroup& group) {
    const std::string mine = group.rank() == 0 ? "node0" : "node1";
    const auto message =
        config_error_of([&] { check_shared_folder(group, mine, dir / ("disk_of_" + mine)); });
    EXPECT_THAT(message, HasSubstr("not shared between nodes: node1 cannot see"));
  });
}

TEST(RankAgreement, SaysWhyAFolderCannotBeWritten) {
  const test::TempDir dir;
  std::ofstream(dir / "file") << "in the way";
  test::run_ranks(2, [&](ProcessGroup& group) {
    const auto message =
        config_error_of([&] { check_shared_folder(group, "a", dir / "file/folder"); });
    EXPECT_THAT(message, HasSubstr("cannot be written: Not a directory"));
  });
}

TEST(RankAgreement, BuildIdIsStable) {
  EXPECT_EQ(build_id().size(), 16U);
  EXPECT_EQ(build_id(), build_id());
}

}  // namespace
}  // namespace omnigen::comm
