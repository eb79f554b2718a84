// A job that fails as it is told, for job_launch_test: `comm_fault_program MODE RANK [FILE]`. Rank
// RANK prints `fault at SECONDS` (since the epoch) before it does what the others do not.
#include <fmt/format.h>
#include <torch/types.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>

#include "comm/job.h"
#include "comm/weight_hash.h"
#include "util/error.h"

namespace {

using omnigen::comm::Job;
namespace util = omnigen::util;

// Longer than any test waits.
constexpr std::chrono::seconds kForever{120};

int64_t seconds_now() {
  return static_cast<int64_t>(::time(nullptr));
}

int compute(Job& /*job*/) {
  const auto end = std::chrono::steady_clock::now() + kForever;
  at::Tensor x = at::rand({64, 64});
  while (std::chrono::steady_clock::now() < end) x = at::tanh(at::mm(x, x));
  return 0;
}

int reduce(Job& job) {
  at::Tensor gradients = at::ones({1 << 20});
  for (;;) job.group().all_reduce_sum(gradients);
}

int wait(Job& job) {
  job.group().barrier();
  return 0;
}

int kill_self(Job& /*job*/) {
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ::raise(SIGKILL);
  return 0;
}

int broken_sample(Job& /*job*/) {
  throw util::DataError("sample 7 is broken");
}
int unknown_key(Job& /*job*/) {
  throw util::ConfigError("unknown option \"valdation_steps\"");
}

int sleep_on(Job& /*job*/) {
  std::this_thread::sleep_for(kForever);
  return 0;
}

int compare_weights(Job& job, float value) {
  omnigen::comm::check_equal_weights(job.group(), {{"layers.0.lokr_w1", at::full({2}, value)}}, 12);
  return 0;
}

struct Mode {
  std::function<int(Job&)> chosen;  // what the chosen rank does
  std::function<int(Job&)> others;
};

std::map<std::string, Mode> modes() {
  const auto returns = [](int code) { return [code](Job&) { return code; }; };
  const auto torch_error = [](Job&) -> int { TORCH_CHECK(false, "sizes 3 and 4 differ"); };
  const auto set_weights = [](float value) {
    return [value](Job& job) { return compare_weights(job, value); };
  };
  return {{"throw_while_waiting", {broken_sample, wait}},
          {"throw_while_computing", {broken_sample, compute}},
          {"throw_alike", {unknown_key, unknown_key}},
          {"torch_error", {torch_error, wait}},
          {"kill_in_collective", {kill_self, reduce}},
          {"kill_while_computing", {kill_self, compute}},
          {"hang", {sleep_on, wait}},
          {"restart", {returns(util::kExitRestart), returns(util::kExitRestart)}},
          {"one_returns", {returns(util::kExitData), returns(0)}},
          {"weights_differ", {set_weights(1.0F), set_weights(2.0F)}},
          {"succeed", {wait, wait}}};
}

}  // namespace

int main(int argc, char** argv) {
  Job job(&argc, &argv);
  return job.run([&] {
    const Mode mode = modes().at(argv[1]);
    const int chosen = std::stoi(argv[2]);
    if (argc > 3) {
      job.set_failure_hook([path = std::string(argv[3])](const omnigen::comm::FatalReport& report) {
        std::ofstream(path, std::ios::app)
            << "rank " << report.rank << " " << report.message << "\n";
      });
    }
    job.watchdog().set_limits({.preparing_s = 60.0, .stepping_s = 2.0});
    job.watchdog().set_phase(omnigen::comm::Watchdog::Phase::kStepping);
    job.set_step(12);
    job.group().barrier();
    if (job.rank() != chosen) return mode.others(job);
    std::cerr << "fault at " << seconds_now() << std::endl;
    return mode.chosen(job);
  });
}
