// Wall-clock time since construction or the last lap.
#pragma once

#include <chrono>

namespace omnigen::util {

class Stopwatch {
 public:
  // Seconds since the start.
  [[nodiscard]] double elapsed_s() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }
  // Seconds since the start, which is set to now.
  double lap_s() {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count();
    start_ = now;
    return seconds;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace omnigen::util
