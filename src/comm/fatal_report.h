// Why a job ends: the one line a person reads, and which of several failures it tells.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace omnigen::comm {

struct FatalReport {
  // Ordered: an error of its own explains more than a rank that vanished, and both explain the
  // communication failures they cause elsewhere.
  enum class Cause { kError = 0, kDeath = 1, kComm = 2 };

  int rank = 0;
  std::string host;
  int64_t step = 0;
  int exit_code = 1;
  Cause cause = Cause::kError;
  std::string message;
};

// `omnigen-dist: fatal: rank 2 host b step 17: message`, without line end.
std::string fatal_line(const std::string& program, const FatalReport& report);

// The report to print: first by cause, then by rank. `reports` is not empty.
const FatalReport& most_telling(const std::vector<FatalReport>& reports);

// For the wire.
std::string to_json(const FatalReport& report);
// Errors: nlohmann's, on what to_json() did not make.
FatalReport fatal_report_from_json(const std::string& text);

}  // namespace omnigen::comm
