#include "util/status_line.h"

#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <string>

namespace omnigen::util {
namespace {

constexpr const char* kEraseLine = "\r\033[K";

// There is one terminal per process, so there is one line.
struct Line {
  std::mutex mutex;
  std::string text;
  bool shown = false;
};

Line& line() {
  static Line instance;
  return instance;
}

void draw(const Line& l) {
  std::fprintf(stderr, "%s%s", kEraseLine, l.text.c_str());
  std::fflush(stderr);
}

}  // namespace

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

void show_status_line(std::string_view text) {
  Line& l = line();
  const std::lock_guard lock(l.mutex);
  l.text = text;
  l.shown = true;
  draw(l);
}

void end_status_line() {
  Line& l = line();
  const std::lock_guard lock(l.mutex);
  if (!l.shown) return;
  l.shown = false;
  std::fputc('\n', stderr);
  std::fflush(stderr);
}

void write_above_status_line(const std::function<void()>& write) {
  Line& l = line();
  const std::lock_guard lock(l.mutex);
  if (l.shown) std::fputs(kEraseLine, stderr);
  write();
  if (l.shown) draw(l);
}

}  // namespace omnigen::util
