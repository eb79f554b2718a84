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

int64_t unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
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

int print_status(const std::filesystem::path& output_dir) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(io::read_file(RunState::path_in(output_dir)));
  } catch (const std::exception& error) {
    std::printf("unknown: %s\n", error.what());
    return kRunningOrUnknown;
  }
  const auto state = json.value("state", "unknown");
  std::string text = fmt::format("{}: step {} of {}, epoch {}", state, json.value("step", 0),
                                 json.value("total_steps", 0), json.value("epoch", 0));
  const auto checkpoint = json.value("last_checkpoint", "");
  if (!checkpoint.empty()) text += ", last checkpoint " + checkpoint;
  if (state == "training") {
    text += fmt::format(
        ", {} left, updated {} ago", util::duration_text(json.value("eta_seconds", 0.0)),
        util::duration_text(static_cast<double>(unix_time() - json.value("updated", int64_t{0}))));
  }
  const auto error = json.value("error", "");
  if (!error.empty()) text += "\n" + error;
  std::printf("%s\n", text.c_str());
  if (state == "complete" || state == "stopped") return util::kExitDone;
  if (state == "preempted") return util::kExitRestart;
  return state == "failed" ? util::kExitFailure : kRunningOrUnknown;
}

}  // namespace omnigen::train
