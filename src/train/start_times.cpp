#include "train/start_times.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <sstream>

namespace omnigen::train {
namespace {

// Since the process began, from /proc/self/stat (proc(5)); 0 where that cannot be read.
double process_age_s() {
  constexpr int kFieldsToStart = 20;  // from the state behind the name to the start time
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0.0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < kFieldsToStart; ++i) fields >> field;
  double ticks = 0.0;
  timespec now{};
  if (!(fields >> field) || !(std::istringstream(field) >> ticks) ||
      clock_gettime(CLOCK_BOOTTIME, &now) != 0) {
    return 0.0;
  }
  const double started_s = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  const double now_s = static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  return now_s > started_s ? now_s - started_s : 0.0;
}

}  // namespace

StartTimes::StartTimes() {
  add("program", process_age_s());
}

void StartTimes::add(const char* part, double seconds) {
  parts_.emplace_back(part, seconds);
}

std::string StartTimes::line() const {
  constexpr double kTold = 0.01;
  double total_s = 0.0;
  std::string list;
  for (const auto& [part, seconds] : parts_) {
    total_s += seconds;
    if (seconds < kTold) continue;
    list += fmt::format("{}{} {:.2f}", list.empty() ? "" : ", ", part, seconds);
  }
  return fmt::format("ready after {:.2f} s: {}", total_s, list);
}

}  // namespace omnigen::train
