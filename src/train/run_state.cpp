#include "train/run_state.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "io/atomic_file.h"
#include "util/error.h"
#include "util/progress.h"

namespace omnigen::train {
namespace {

constexpr double kTickIntervalSeconds = 10.0;
constexpr int kRunningOrUnknown = 3;
constexpr double kSilenceSeconds = 600;  // a running job writes more often, but for long work

int64_t unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

bool is_running(const std::string& state) {
  return state == "starting" || state == "caching" || state == "training";
}

std::string name_or(const nlohmann::json& state, const char* key, const char* otherwise) {
  const auto text = state.value(key, "");
  return text.empty() ? otherwise : text;
}

}  // namespace

RunState::RunState(std::filesystem::path output_dir, bool active)
    : output_dir_(std::move(output_dir)), active_(active) {}

std::filesystem::path RunState::path_in(const std::filesystem::path& output_dir) {
  return output_dir / "run_state.json";
}

void RunState::describe(nlohmann::json facts) {
  facts_.update(facts);
}

void RunState::write(const std::string& state, const RunProgress& progress, nlohmann::json more) {
  if (!active_) return;
  nlohmann::json json = facts_;
  json.update(more);
  json["state"] = state;
  json["step"] = progress.step;
  json["total_steps"] = progress.total_steps;
  json["epoch"] = progress.epoch;
  json["last_checkpoint"] = progress.last_checkpoint;
  json["eta_seconds"] = progress.eta_s;
  json["updated"] = unix_time();
  io::write_atomically(path_in(output_dir_), json.dump(2) + "\n");
  since_write_.lap_s();
}

void RunState::set(const std::string& state, const RunProgress& progress) {
  write(state, progress, nlohmann::json::object());
}

void RunState::tick(const RunProgress& progress) {
  if (since_write_.elapsed_s() >= kTickIntervalSeconds) set("training", progress);
}

void RunState::end(const std::string& state, const RunProgress& progress, int exit_code,
                   const std::string& error) {
  write(state, progress, {{"exit_code", exit_code}, {"error", error}});
}

std::string status_text(const nlohmann::json& state, int64_t now) {
  const auto word = state.value("state", "unknown");
  const bool running = is_running(word);
  const int64_t step = state.value("step", int64_t{0});
  const int64_t total = state.value("total_steps", int64_t{0});
  std::string text = fmt::format("{}: step {} of {}", word, step, total);
  if (total > 0) text += fmt::format(" ({} %)", 100 * step / total);
  text += fmt::format(", epoch {}", state.value("epoch", int64_t{0}));
  const double left_s = state.value("eta_seconds", 0.0);
  if (word == "training" && left_s > 0)
    text += fmt::format(", {} left", util::duration_text(left_s));
  text += fmt::format("\n  last checkpoint: {}", name_or(state, "last_checkpoint", "none"));
  if (state.contains("tracker_run_name")) {
    text += fmt::format("\n  run {} of project {}: {} ranks, {}, started by {} on {}",
                        name_or(state, "tracker_run_name", "?"),
                        name_or(state, "tracker_project_name", "?"),
                        state.value("world_size", int64_t{1}), name_or(state, "backend", "?"),
                        name_or(state, "launcher", "?"), name_or(state, "host", "?"));
  }
  const auto job = state.value("slurm_job_id", "");
  if (!job.empty()) text += fmt::format("\n  Slurm job {}", job);
  const auto age_s = static_cast<double>(now - state.value("updated", now));
  text += fmt::format("\n  {} {} ago", running ? "last sign of life" : "ended",
                      util::duration_text(age_s));
  if (running && age_s > kSilenceSeconds) {
    text +=
        ": it may be gone without a word, or busy for long (loading, validation). If no process is "
        "left, start it again: it goes on from the last checkpoint";
  }
  if (word == "preempted") text += "\n  start it again: it goes on from the last checkpoint";
  const auto error = state.value("error", "");
  if (!error.empty()) text += "\n  " + error;
  return text;
}

int print_status(const std::filesystem::path& output_dir) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(io::read_file(RunState::path_in(output_dir)));
  } catch (const std::exception& error) {
    std::printf("unknown: %s\n", error.what());
    return kRunningOrUnknown;
  }
  std::printf("%s\n", status_text(json, unix_time()).c_str());
  const auto state = json.value("state", "unknown");
  if (state == "complete" || state == "stopped") return util::kExitDone;
  if (state == "preempted") return util::kExitRestart;
  return state == "failed" ? util::kExitFailure : kRunningOrUnknown;
}

}  // namespace omnigen::train
