#include "util/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "support/temp_dir.h"
#include "util/error.h"
#include "util/status_line.h"

namespace omnigen::util {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override {
    log::init(0, 1);
    log::set_level("info");
  }

  template <class Write>
  static std::string stderr_of(Write write) {
    ::testing::internal::CaptureStderr();
    write();
    log::flush();
    return ::testing::internal::GetCapturedStderr();
  }

  static std::string read(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
};

TEST_F(LogTest, LineNamesTimeRankLevel) {
  log::init(0, 8);
  EXPECT_THAT(stderr_of([] { log::info("hello"); }),
              MatchesRegex("\\[20[0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9:]+\\.[0-9]+\\] "
                           "\\[rank 0/8\\] \\[info\\] hello\n"));
}

TEST_F(LogTest, TextIsNeverAFormat) {
  EXPECT_THAT(stderr_of([] { log::warn("{\"a\": {}} {0} %s"); }), HasSubstr("{\"a\": {}} {0} %s"));
}

TEST_F(LogTest, OtherRanksShowWarningsOnly) {
  log::init(3, 8);
  const std::string text = stderr_of([] {
    log::info("quiet");
    log::warn("loud");
  });
  EXPECT_THAT(text, Not(HasSubstr("quiet")));
  EXPECT_THAT(text, HasSubstr("[rank 3/8] [warning] loud"));
}

TEST_F(LogTest, LevelAppliesToRankZero) {
  log::set_level("warning");
  EXPECT_EQ(stderr_of([] { log::info("quiet"); }), "");
  log::set_level("debug");
  EXPECT_THAT(stderr_of([] { log::debug("shown"); }), HasSubstr("shown"));
}

TEST_F(LogTest, UnknownLevelIsAConfigError) {
  EXPECT_THROW(log::set_level("loud"), ConfigError);
  EXPECT_THROW(log::set_level(""), ConfigError);
}

TEST_F(LogTest, WarnOnceIsPrintedOnce) {
  const std::string text = stderr_of([] {
    log::warn_once("only once");
    log::warn_once("only once");
    log::warn_once("another");
  });
  EXPECT_EQ(text.find("only once"), text.rfind("only once"));
  EXPECT_THAT(text, HasSubstr("another"));
}

TEST_F(LogTest, RankZeroWritesItsFile) {
  const test::TempDir dir;
  log::add_file(dir.path());
  stderr_of([] { log::info("in the file"); });
  EXPECT_THAT(read(dir / "omnigen-dist.log"), HasSubstr("[rank 0/1] [info] in the file\n"));
}

TEST_F(LogTest, OtherRanksFileHoldsAllAtDebugLevel) {
  const test::TempDir dir;
  log::init(3, 8);
  log::add_file(dir.path());
  const std::string terminal = stderr_of([] {
    log::info("left out");
    log::set_level("debug");
    log::info("kept");
  });
  EXPECT_THAT(read(dir / "rank0003.log"), HasSubstr("kept"));
  EXPECT_THAT(read(dir / "rank0003.log"), Not(HasSubstr("left out")));
  EXPECT_EQ(terminal, "");
}

TEST_F(LogTest, FileThatCannotBeOpenedIsAnError) {
  const test::TempDir dir;
  std::ofstream(dir / "file") << "x";
  EXPECT_THROW(log::add_file(dir / "file"), Error);
}

TEST_F(LogTest, LineGoesAboveTheStatusLine) {
  const std::string text = stderr_of([] {
    show_status_line("bar 1");
    log::warn("message");
    show_status_line("bar 2");
    end_status_line();
    log::warn("after");
  });
  EXPECT_THAT(text, MatchesRegex("\r\033\\[Kbar 1\r\033\\[K\\[[^\n]*message\n"
                                 "\r\033\\[Kbar 1\r\033\\[Kbar 2\n\\[[^\n]*after\n"));
}

}  // namespace
}  // namespace omnigen::util
