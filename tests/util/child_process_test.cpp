#include "util/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::util {
namespace {

using ::testing::HasSubstr;

constexpr double kLimitSeconds = 20.0;

// An ended process that nobody has waited for yet does not run.
bool runs(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string number;
  std::string name;
  std::string state;
  return stat >> number >> name >> state && state != "Z";
}

TEST(ChildProcess, GivesExitCodeAndOutput) {
  const test::TempDir dir;
  ChildProcess child({{"sh", "-c", "echo out; echo err >&2; exit 7"}, dir / "log"});
  EXPECT_EQ(child.wait(kLimitSeconds), 7);
  EXPECT_EQ(child.poll(), 7);  // again
  EXPECT_EQ(tail_of(dir / "log", 100), "out\nerr");
}

TEST(ChildProcess, ArgumentsAreNotInterpreted) {
  const test::TempDir dir;
  ChildProcess child({{"printf", "%s|%s", "a b", "$HOME;"}, dir / "log"});
  EXPECT_EQ(child.wait(kLimitSeconds), 0);
  EXPECT_EQ(tail_of(dir / "log", 100), "a b|$HOME;");
}

TEST(ChildProcess, SignalIsPartOfTheCode) {
  ChildProcess child({{"sh", "-c", "kill -9 $$"}});
  EXPECT_EQ(child.wait(kLimitSeconds), 128 + SIGKILL);
}

TEST(ChildProcess, InputStaysOpenUntilItIsEnded) {
  ChildProcess child({.command = {"cat"}, .keep_input = true});
  EXPECT_EQ(child.wait(0.1), std::nullopt);
  child.end_input();
  EXPECT_EQ(child.wait(kLimitSeconds), 0);
}

TEST(ChildProcess, OfferedInputIsRead) {
  const test::TempDir dir;
  ChildProcess child({{"cat"}, dir / "log", true});
  EXPECT_EQ(child.offer("one\n"), 4U);
  EXPECT_EQ(child.offer("two\n"), 4U);
  child.end_input();
  EXPECT_EQ(child.wait(kLimitSeconds), 0);
  EXPECT_EQ(tail_of(dir / "log", 100), "one\ntwo");
}

TEST(ChildProcess, OfferNeverWaits) {
  ChildProcess idle({.command = {"sleep", "600"}, .keep_input = true});
  const std::string block(1 << 20, 'x');
  size_t taken = block.size();
  for (int i = 0; i < 100 && taken == block.size(); ++i) taken = idle.offer(block);
  EXPECT_LT(taken, block.size());
  ChildProcess gone({.command = {"true"}, .keep_input = true});
  gone.wait(kLimitSeconds);
  EXPECT_EQ(gone.offer("x"), 0U);
}

TEST(ChildProcess, InputIsEmptyOtherwise) {
  ChildProcess child({{"cat"}});
  EXPECT_EQ(child.wait(kLimitSeconds), 0);
}

TEST(ChildProcess, StopEndsAllItHasStarted) {
  const test::TempDir dir;
  {
    ChildProcess child({{"sh", "-c", "sleep 600 & echo $!; wait"}, dir / "log"});
    while (tail_of(dir / "log", 100).empty()) EXPECT_EQ(child.wait(0.05), std::nullopt);
    child.stop();
    EXPECT_EQ(child.poll(), 128 + SIGTERM);
  }
  const std::string grandchild = tail_of(dir / "log", 100);
  for (int i = 0; i < 500 && runs(grandchild); ++i) ::usleep(10'000);
  EXPECT_FALSE(runs(grandchild));
}

TEST(ChildProcess, OpenFilesAreNotHandedOn) {
  const test::TempDir dir;
  const std::ofstream open(dir / "open");
  ChildProcess child({{"ls", "/proc/self/fd"}, dir / "log"});
  EXPECT_EQ(child.wait(kLimitSeconds), 0);
  EXPECT_EQ(tail_of(dir / "log", 100), "0\n1\n2\n3");  // the last is the folder that ls reads
}

TEST(ChildProcess, MissingProgramIsNamed) {
  try {
    const ChildProcess child({{"no-such-program-here"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no-such-program-here cannot be started: No such file"));
  }
}

TEST(FindProgram, TakesTheFirstExecutable) {
  const test::TempDir dir;
  std::filesystem::create_directories(dir / "a");
  std::filesystem::create_directories(dir / "b");
  std::ofstream(dir / "a/tool") << "not executable";
  std::ofstream(dir / "b/tool") << "#!/bin/sh\n";
  ::chmod((dir / "b/tool").c_str(), 0755);
  const std::string path = (dir / "a").string() + "::" + (dir / "b").string();
  EXPECT_EQ(find_program("tool", path), dir / "b/tool");
  EXPECT_EQ(find_program("other", path), std::nullopt);
  EXPECT_EQ(find_program("tool", ""), std::nullopt);
}

TEST(TailOf, CutsAtALine) {
  const test::TempDir dir;
  std::ofstream(dir / "file") << "first line\nsecond\nthird\n";
  EXPECT_EQ(tail_of(dir / "file", 100), "first line\nsecond\nthird");
  EXPECT_EQ(tail_of(dir / "file", 14), "second\nthird");
  EXPECT_EQ(tail_of(dir / "none", 14), "");
}

}  // namespace
}  // namespace omnigen::util
