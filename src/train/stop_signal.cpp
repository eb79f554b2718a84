#include "train/stop_signal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>

#include "util/error.h"

namespace omnigen::train {
namespace {

constexpr double kLookIntervalSeconds = 1.0;
constexpr time_t kSecondInterruptSeconds = 5;
constexpr std::array kSignals = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

// Only what a handler may touch.
volatile std::sig_atomic_t g_stop = 0;
volatile std::sig_atomic_t g_validate = 0;
volatile std::sig_atomic_t g_interrupts = 0;
volatile std::sig_atomic_t g_term_grace_s = 0;
volatile time_t g_first_interrupt = 0;
std::array<char, 256> g_farewell{};
volatile std::sig_atomic_t g_farewell_size = 0;

void note(int stop) {
  if (stop > g_stop) g_stop = stop;
}

void on_signal(int signal) {
  switch (signal) {
    case SIGUSR1:
      note(static_cast<int>(StopRequest::kRestart));
      break;
    case SIGTERM:
      note(static_cast<int>(StopRequest::kTerminate));
      if (g_term_grace_s > 0) ::alarm(static_cast<unsigned>(g_term_grace_s));
      break;
    case SIGUSR2:
      g_validate = 1;
      break;
    default: {
      const time_t now = std::time(nullptr);
      if (g_interrupts > 0 && now - g_first_interrupt <= kSecondInterruptSeconds) {
        const auto size = static_cast<size_t>(g_farewell_size);
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, g_farewell.data(), size);
        ::_exit(util::kExitInterrupted);
      }
      g_interrupts = g_interrupts + 1;
      g_first_interrupt = now;
      note(static_cast<int>(StopRequest::kInterrupt));
    }
  }
}

// An unfinished checkpoint keeps its temporary name and is never used.
void on_alarm(int /*signal*/) {
  ::_exit(util::kExitTerminated);
}

void listen_to(int signal) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

bool take_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::remove(path, ignored);
}

}  // namespace

void name_last_checkpoint(const std::string& name) {
  const std::string text =
      "\nomnigen-dist: stopped at once, no checkpoint; last: " + (name.empty() ? "none" : name) +
      "\n";
  g_farewell_size = 0;  // a signal now prints nothing
  const size_t size = text.copy(g_farewell.data(), g_farewell.size());
  g_farewell_size = static_cast<std::sig_atomic_t>(size);
}

void keep_early_notices() {
  listen_to(SIGUSR1);
  listen_to(SIGUSR2);
}

StopSignal::StopSignal(std::filesystem::path output_dir, int64_t term_grace_s)
    : output_dir_(std::move(output_dir)) {
  g_term_grace_s = static_cast<std::sig_atomic_t>(term_grace_s);
  std::signal(SIGALRM, on_alarm);
  name_last_checkpoint("");
  for (const int signal : kSignals) listen_to(signal);
}

StopSignal::~StopSignal() {
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  g_stop = 0;
  g_validate = 0;
  g_interrupts = 0;
  saved();
}

void StopSignal::saved() {
  ::alarm(0);
}

void StopSignal::read_trigger_files() {
  if (since_look_.elapsed_s() < kLookIntervalSeconds) return;
  since_look_.lap_s();
  if (take_file(output_dir_ / "save_quit") || take_file(output_dir_ / "stop")) {
    pending_.stop = std::max(pending_.stop, StopRequest::kFinish);
  }
  if (take_file(output_dir_ / "save")) pending_.save = true;
  if (take_file(output_dir_ / "validate")) pending_.validate = true;
}

Requests StopSignal::poll(comm::ProcessGroup& group) {
  if (group.is_root()) read_trigger_files();
  pending_.stop = std::max(pending_.stop, static_cast<StopRequest>(static_cast<int>(g_stop)));
  pending_.validate = pending_.validate || g_validate != 0;
  g_validate = 0;
  const std::string mine = {static_cast<char>(pending_.stop), static_cast<char>(pending_.save),
                            static_cast<char>(pending_.validate)};
  Requests agreed;
  for (const std::string& other : group.all_gather_bytes(mine)) {
    agreed.stop = std::max(agreed.stop, static_cast<StopRequest>(other[0]));
    agreed.save = agreed.save || other[1] != 0;
    agreed.validate = agreed.validate || other[2] != 0;
  }
  pending_ = {};
  return agreed;
}

}  // namespace omnigen::train
