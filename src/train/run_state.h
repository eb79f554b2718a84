// `<output_dir>/run_state.json`: where a run stands, for `status`, schedulers and people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "util/stopwatch.h"

namespace omnigen::train {

struct RunProgress {
  int64_t step = 0;
  int64_t total_steps = 0;
  int64_t epoch = 0;
  std::string last_checkpoint;
  double eta_s = 0.0;
};

// Replaced atomically; rank 0 only (others construct it with `active` false and every call does
// nothing).
class RunState {
 public:
  RunState(std::filesystem::path output_dir, bool active);

  // Facts that stay: hosts, world size, Slurm ids, run and project names.
  void describe(nlohmann::json facts);
  // "starting", "caching", "training", "preempted", "complete", "stopped", "failed".
  void set(const std::string& state, const RunProgress& progress);
  // As set("training"), at most once every 10 s.
  void tick(const RunProgress& progress);
  void end(const std::string& state, const RunProgress& progress, int exit_code,
           const std::string& error = {});

  static std::filesystem::path path_in(const std::filesystem::path& output_dir);

 private:
  void write(const std::string& state, const RunProgress& progress, nlohmann::json more);

  std::filesystem::path output_dir_;
  bool active_;
  nlohmann::json facts_ = nlohmann::json::object();
  util::Stopwatch since_write_;
};

// The state in words, several lines: how far, whose run, since when. `now`: seconds since 1970.
std::string status_text(const nlohmann::json& state, int64_t now);

// Prints status_text() and returns 0 complete or stopped, 75 preempted, 1 failed, 3 running or
// unknown.
int print_status(const std::filesystem::path& output_dir);

}  // namespace omnigen::train
