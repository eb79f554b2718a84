// Where the time from the start of the program to the first step goes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "util/stopwatch.h"

namespace omnigen::train {

class StartTimes {
 public:
  // What came before is "program": loading, MPI, the configuration.
  StartTimes();

  // From the last call to now.
  void lap(const char* part) { add(part, watch_.lap_s()); }
  void add(const char* part, double seconds);
  // "ready after 4.4 s: program 0.5, model 0.2, ..."; parts below a hundredth are left out.
  [[nodiscard]] std::string line() const;

 private:
  util::Stopwatch watch_;
  std::vector<std::pair<std::string, double>> parts_;
};

}  // namespace omnigen::train
