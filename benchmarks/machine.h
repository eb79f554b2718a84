// What a benchmark's figures depend on besides the program.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

namespace omnigen::bench {

// Commit, build type, CPU, threads, torch, instruction set; GPU, driver, CUDA and NCCL where there
// are any.
nlohmann::json environment();

// Share of the machine's processor time that other programs use from construction on: above 0.05,
// repeat.
class OthersCpu {
 public:
  OthersCpu();
  [[nodiscard]] double share() const;

 private:
  struct Usage {
    double busy_s = 0.0;  // of all programs
    double own_s = 0.0;
    double wall_s = 0.0;
  };
  static Usage read();

  Usage start_;
};

// Resident set, MiB. The peak counts from the last reset_peak() where the kernel allows one.
double rss_mib();
double peak_rss_mib();
void reset_peak_rss();

}  // namespace omnigen::bench
