// Signals and trigger files that ask a run to stop, to save or to validate.
//
// Handlers only set flags. Ranks agree once a step, so that a signal that reaches one rank stops
// all of them at the same step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "comm/process_group.h"
#include "util/stopwatch.h"

namespace omnigen::train {

// Ordered: where ranks differ, the larger one counts.
enum class StopRequest { kNone = 0, kFinish = 1, kRestart = 2, kTerminate = 3, kInterrupt = 4 };

struct Requests {
  StopRequest stop = StopRequest::kNone;
  bool save = false;
  bool validate = false;
};

// Called first in main(): SIGUSR1 and SIGUSR2 that come before training are kept for its first
// step, instead of ending the process while it loads.
void keep_early_notices();

// What the second SIGINT tells of on its way out.
void name_last_checkpoint(const std::string& name);

// SIGUSR1: checkpoint, exit 75. SIGTERM: the same, 143 if no checkpoint was completed. SIGINT:
// checkpoint, exit 130; a second one within 5 s ends at once. SIGUSR2: validate. Files in
// output_dir: `save`, `save_quit` or `stop`, `validate`; read by rank 0 once a second, and removed.
class StopSignal {
 public:
  // `term_grace_s`: how long after SIGTERM this process may live; 0: as long as it needs.
  explicit StopSignal(std::filesystem::path output_dir, int64_t term_grace_s = 0);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // The checkpoint is complete: the grace no longer runs out.
  static void saved();
  // What any rank was asked since the last call. Collective.
  Requests poll(comm::ProcessGroup& group);

 private:
  void read_trigger_files();

  std::filesystem::path output_dir_;
  util::Stopwatch since_look_;
  Requests pending_;
};

}  // namespace omnigen::train
