// A connection from every rank to rank 0, beside MPI, over which a job ends as one.
//
// When a process dies, the kernel closes its connection: rank 0 knows at once, whatever it is
// computing or waiting for, and under any launcher. A rank that fails reports over it; rank 0
// gathers the reports of a moment, announces the most telling one and ends every rank with its
// exit code. Without connections (no route between the hosts) the job still runs; then only the
// launcher and the watchdog's limits notice a rank that is gone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/fatal_report.h"
#include "comm/process_group.h"

namespace omnigen::comm {

class Lifeline {
 public:
  // Both are called from the lifeline's thread.
  struct Callbacks {
    // Once in the job: on rank 0, or on rank 1 when rank 0 is gone. `step` of a report on a rank
    // that is gone is -1.
    std::function<void(FatalReport)> announce;
    // Once on every rank, last. Meant not to return.
    std::function<void(int exit_code)> end;
  };

  // Collective. Connects over the loopback device if all hosts are one, else over IPv4.
  Lifeline(ProcessGroup& group, const std::string& host, Callbacks callbacks);
  // Says goodbye() if nobody did.
  ~Lifeline();
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  // The same on every rank: false if some rank could not be connected.
  [[nodiscard]] bool connected() const;
  // Hands in a failure of this rank, from any thread. The callbacks follow.
  void report(const FatalReport& report);
  // From here on the end of this rank, and of rank 0, is in order. Every rank must have come so far
  // that none needs the others (agree first).
  void goodbye();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnigen::comm
