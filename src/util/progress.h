// A progress bar on a terminal; plain lines, at most one every ten seconds, anywhere else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/stopwatch.h"

namespace omnigen::util {

class Progress {
 public:
  // `visible` is false on ranks other than 0. `unit` as in "img" of "3.2 img/s".
  Progress(std::string title, int64_t total, std::string unit, bool visible, int64_t start = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `fields` follows the counts, e.g. "loss 0.8123 lr 4.00e-05".
  void update(int64_t done, std::string_view fields = {});
  // Ends the bar's line. Log lines may come at any time: they go above the bar.
  void finish();

 private:
  [[nodiscard]] std::string line(int64_t done, std::string_view fields) const;

  std::string title_;
  int64_t total_;
  std::string unit_;
  bool visible_;
  bool on_terminal_;
  int64_t start_;
  bool line_open_ = false;
  Stopwatch since_start_;
  double last_shown_s_ = -1e9;
  int64_t shown_ = -1;  // what the last line said
};

// "4h29m", "3m05s", "12s".
std::string duration_text(double seconds);

}  // namespace omnigen::util
