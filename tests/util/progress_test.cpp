#include "util/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "util/log.h"

namespace omnigen::util {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kBeyondTerminalInterval = std::chrono::milliseconds(120);

std::string stderr_of(const std::function<void()>& write) {
  ::testing::internal::CaptureStderr();
  write();
  return ::testing::internal::GetCapturedStderr();
}

// What `write` sends to a terminal that is `columns` wide.
std::string terminal_output(const std::function<void()>& write, unsigned short columns) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  int fd = -1;
  const pid_t child = ::forkpty(&fd, nullptr, nullptr, &size);
  if (child == 0) {
    write();
    ::_exit(0);
  }
  std::string output;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 1; count > 0;) {
    count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) output.append(buffer.data(), static_cast<size_t>(count));
  }
  ::close(fd);
  ::waitpid(child, nullptr, 0);
  return output;
}

// The lines that remain on the screen after carriage returns and erasures. Colours are dropped.
std::vector<std::string> screen_lines(const std::string& output) {
  std::vector<std::string> lines = {""};
  bool at_start = false;
  for (size_t i = 0; i < output.size(); ++i) {
    if (output[i] == '\033') {
      const size_t end = output.find_first_of("Km", i);
      if (output[end] == 'K' && at_start) lines.back().clear();
      i = end;
    } else if (output[i] == '\r') {
      at_start = true;
    } else if (output[i] == '\n') {
      lines.emplace_back();
      at_start = false;
    } else {
      if (at_start && !lines.back().empty()) lines.back() += "<overwritten>";
      lines.back() += output[i];
      at_start = false;
    }
  }
  return lines;
}

TEST(DurationText, PicksUnits) {
  EXPECT_EQ(duration_text(-3), "0s");
  EXPECT_EQ(duration_text(12.4), "12s");
  EXPECT_EQ(duration_text(59.6), "1m00s");
  EXPECT_EQ(duration_text(185), "3m05s");
  EXPECT_EQ(duration_text(4 * 3600 + 29 * 60 + 59), "4h29m");
}

TEST(Progress, InvisibleWritesNothing) {
  EXPECT_EQ(stderr_of([] { Progress("Steps", 2, "step", false).update(2); }), "");
}

TEST(Progress, PlainLinesAreSpacedApart) {
  const std::string text = stderr_of([] {
    Progress progress("Steps", 5, "step", true);
    for (const int i : {1, 2, 3, 4, 5, 5}) progress.update(i, "loss 0.5");
  });
  EXPECT_THAT(text, HasSubstr("Steps 1/5 | loss 0.5 | "));
  EXPECT_THAT(text, Not(HasSubstr("Steps 2/5")));
  const size_t last = text.find("Steps 5/5");  // always shown, once
  EXPECT_NE(last, std::string::npos);
  EXPECT_EQ(last, text.rfind("Steps 5/5"));
}

TEST(Progress, SlowItemsAreGivenInSecondsEach) {
  const std::string text = stderr_of([] {
    Progress progress("Images", 10, "img", true);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    progress.update(1);
  });
  EXPECT_THAT(text, HasSubstr(" s/img"));
}

TEST(Progress, RateCountsFromTheStart) {
  const std::string text = stderr_of([] {
    Progress progress("Steps", 1000, "step", true, 999);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    progress.update(1000);
  });
  EXPECT_THAT(text, HasSubstr("1.1"));  // s/step, not 900 step/s
  EXPECT_THAT(text, HasSubstr("s/step"));
}

TEST(Progress, TerminalKeepsOneLine) {
  const auto lines = screen_lines(terminal_output(
      [] {
        Progress progress("Steps", 2, "step", true);
        progress.update(1, "loss 0.5");
        std::this_thread::sleep_for(kBeyondTerminalInterval);
        progress.update(2, "loss 0.4");
      },
      100));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], StartsWith("Steps ████████████████████████ 2/2 | loss 0.4 | "));
  EXPECT_EQ(lines[1], "");
}

TEST(Progress, LogLinesGoAboveTheBar) {
  const auto lines = screen_lines(terminal_output(
      [] {
        Progress progress("Steps", 2, "step", true);
        progress.update(1);
        log::warn("something happened");
        progress.update(2);
      },
      100));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("something happened"), HasSubstr("2/2"), ""));
}

TEST(Progress, LongLineIsCutToTheTerminal) {
  const auto lines = screen_lines(terminal_output(
      [] { Progress("Steps", 9, "step", true).update(9, "ünïcödé ünïcödé ünïcödé ünïcödé"); }, 50));
  ASSERT_EQ(lines.size(), 2U);
  int64_t columns = 0;
  for (const char c : lines[0]) columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  EXPECT_EQ(columns, 49);
}

}  // namespace
}  // namespace omnigen::util
