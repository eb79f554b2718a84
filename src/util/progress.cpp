#include "util/progress.h"

#include <spdlog/fmt/fmt.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "util/log.h"
#include "util/status_line.h"

namespace omnigen::util {
namespace {

constexpr double kTerminalIntervalSeconds = 0.1;
constexpr double kPlainIntervalSeconds = 10.0;
constexpr int kBarWidth = 24;

int terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 120;
}

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

// The first `columns` characters of UTF-8 text, one column each.
std::string cut(const std::string& text, int64_t columns) {
  size_t size = 0;
  for (; size < text.size(); ++size) {
    if (begins_character(text[size]) && --columns < 0) break;
  }
  return text.substr(0, size);
}

}  // namespace

std::string duration_text(double seconds) {
  const auto total = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (total >= 3600) return fmt::format("{}h{:02}m", total / 3600, total / 60 % 60);
  if (total >= 60) return fmt::format("{}m{:02}s", total / 60, total % 60);
  return fmt::format("{}s", total);
}

Progress::Progress(std::string title, int64_t total, std::string unit, bool visible, int64_t start)
    : title_(std::move(title)),
      total_(total),
      unit_(std::move(unit)),
      visible_(visible),
      on_terminal_(stderr_is_terminal()),
      start_(start) {}

Progress::~Progress() {
  finish();
}

std::string Progress::line(int64_t done, std::string_view fields) const {
  const double elapsed_s = since_start_.elapsed_s();
  const double rate = static_cast<double>(done - start_) / std::max(elapsed_s, 1e-9);
  const double left_s = rate > 0 ? static_cast<double>(total_ - done) / rate : 0.0;
  const std::string speed = rate >= 1 || rate <= 0 ? fmt::format("{:.1f} {}/s", rate, unit_)
                                                   : fmt::format("{:.2f} s/{}", 1 / rate, unit_);
  return fmt::format("{}/{} | {}{}{} | eta {}", done, total_, fields, fields.empty() ? "" : " | ",
                     speed, duration_text(left_s));
}

void Progress::update(int64_t done, std::string_view fields) {
  if (!visible_) return;
  const double now_s = since_start_.elapsed_s();
  const bool last = done >= total_;
  if (last && shown_ == done) return;
  if (!last &&
      now_s - last_shown_s_ < (on_terminal_ ? kTerminalIntervalSeconds : kPlainIntervalSeconds)) {
    return;
  }
  last_shown_s_ = now_s;
  shown_ = done;
  if (!on_terminal_) {
    log::info(fmt::format("{} {}", title_, line(done, fields)));
    return;
  }
  const auto filled = total_ > 0 ? static_cast<int>(done * kBarWidth / total_) : kBarWidth;
  std::string bar;
  for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  // One column stays free: a full line would wrap, and the next update would leave half of it
  // behind.
  show_status_line(
      cut(fmt::format("{} {} {}", title_, bar, line(done, fields)), terminal_width() - 1));
  line_open_ = true;
}

void Progress::finish() {
  if (line_open_) end_status_line();
  line_open_ = false;
}

}  // namespace omnigen::util
