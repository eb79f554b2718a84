#include "comm/job.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <thread>

#include "comm/cpu_affinity.h"
#include "comm/mpi_group.h"
#include "comm/rank_agreement.h"
#include "comm/single_group.h"
#include "util/error.h"
#include "util/host_memory.h"
#include "util/log.h"
#include "util/status_line.h"

namespace omnigen::comm {
namespace {

constexpr double kInitLimitSeconds = 300.0;
constexpr double kFinalizeLimitSeconds = 60.0;
constexpr std::chrono::seconds kHookLimit{5};
// Longer than rank 0 needs to gather reports, run the hook and end everybody.
constexpr std::chrono::seconds kEndLimit{10};

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool has_argument(int argc, char** argv, std::string_view name) {
  return std::any_of(argv, argv + argc, [&](const char* argument) {
    return argument == name || argument == std::string(name) + "=true";
  });
}

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string version(text.data(), static_cast<size_t>(length));
  return version.substr(0, version.find(','));
}

// When a rank is killed, mpirun sends SIGTERM to the others at once. A second's delay lets rank 0
// say first which rank is gone. Trainers that handle SIGTERM themselves replace this.
void delay_sigterm() {
  struct sigaction on_alarm {};
  on_alarm.sa_handler = [](int) { ::_exit(util::kExitTerminated); };
  ::sigaction(SIGALRM, &on_alarm, nullptr);
  struct sigaction on_term {};
  on_term.sa_handler = [](int) { ::alarm(1); };
  on_term.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &on_term, nullptr);
}

}  // namespace

const char* environment_variable(const char* name) {
  return std::getenv(name);
}

Job::Job(int* argc, char*** argv)
    : host_(host_name()),
      program_(std::filesystem::path(*argc > 0 ? (*argv)[0] : "omnigen").filename().string()),
      environment_(read_launch_environment(environment_variable)) {
  util::keep_freed_memory();
  watchdog_ = std::make_unique<Watchdog>([this](const std::string& message) {
    FatalReport report = report_of(message, util::kExitComm);
    report.cause = FatalReport::Cause::kComm;
    end_all(report);
  });
  try {
    start(argc, argv);
  } catch (const util::Error& error) {
    end_all(report_of(error.what(), error.exit_code()));
  } catch (const std::exception& error) {
    end_all(report_of(error.what(), util::kExitFailure));
  }
}

void Job::start(int* argc, char*** argv) {
  const bool allow_singleton = has_argument(*argc, *argv, "--allow_singleton");
  ::setenv("NCCL_DEBUG", "WARN", /*replace=*/0);
  if (environment_.has_process_manager) {
    start_mpi(argc, argv, allow_singleton);
  } else if (!allow_singleton) {
    // MPI's own start would fail here without a remedy.
    refuse_singletons(environment_, 1, mpi_version());
  }
  if (!mpi_running_ || size_ == 1) {
    group_ = std::make_unique<SingleGroup>();
    return;
  }
  delay_sigterm();
  connect_ranks();
  describe_ranks();
  share_cpus();
}

void Job::start_mpi(int* argc, char*** argv, bool allow_singleton) {
  const Watchdog::Operation operation(*watchdog_, "MPI_Init_thread", kInitLimitSeconds);
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) {
    throw util::CommError("MPI_Init_thread failed; see its messages above");
  }
  mpi_running_ = true;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  MPI_Comm host_comm = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &host_comm);
  MPI_Comm_rank(host_comm, &local_rank_);
  MPI_Comm_size(host_comm, &local_size_);
  MPI_Comm_free(&host_comm);
  if (!allow_singleton) refuse_singletons(environment_, size_, mpi_version());
  if (provided < MPI_THREAD_SERIALIZED) {
    throw util::CommError(
        fmt::format("{} gives thread level {}, MPI_THREAD_SERIALIZED ({}) is needed; use an MPI "
                    "built with threads",
                    mpi_version(), provided, int{MPI_THREAD_SERIALIZED}));
  }
  util::log::init(rank_, size_);
}

void Job::connect_ranks() {
  group_ = std::make_unique<MpiGroup>(*watchdog_);
  lifeline_ = std::make_unique<Lifeline>(
      *group_, host_,
      Lifeline::Callbacks{[this](FatalReport report) {
                            if (report.step < 0) {
                              report.step = watchdog_->step();
                              report.message +=
                                  fmt::format("; rank {} was in {}", rank_, watchdog_->describe());
                            }
                            announce(report);
                          },
                          [](int exit_code) {
                            util::log::flush();
                            std::_Exit(exit_code);
                          }});
  if (lifeline_->connected()) {
    connected_lifeline_ = lifeline_.get();
  } else if (rank_ == 0) {
    util::log::warn(
        "not every rank can reach rank 0 by TCP/IPv4: a rank that is killed is noticed by the "
        "launcher "
        "only, or when a collective passes its limit");
  }
}

void Job::describe_ranks() {
  const auto hosts = group_->all_gather_bytes(host_);
  const size_t num_hosts = std::set<std::string>(hosts.begin(), hosts.end()).size();
  util::log::info(fmt::format("{} ranks on {} host{}, started by {} ({}); SIGTERM leaves {}", size_,
                              num_hosts, num_hosts == 1 ? "" : "s", environment_.launcher,
                              mpi_version(), environment_.sigterm_grace()));
  if (!environment_.slurm_job_id.empty()) {
    util::log::info(fmt::format("Slurm job {} restart {}", environment_.slurm_job_id,
                                environment_.slurm_restart_count));
  }
}

// Ranks that may all use all CPUs would each start a thread per CPU.
void Job::share_cpus() {
  const std::vector<int> own = allowed_cpus();
  const auto all = group_->all_gather_bytes(nlohmann::json{host_, own}.dump());
  std::vector<std::vector<int>> masks;
  for (const std::string& text : all) {
    const auto entry = nlohmann::json::parse(text);
    if (entry[0] == host_) masks.push_back(entry[1]);
  }
  if (std::getenv("OMP_NUM_THREADS") == nullptr) {
    at::set_num_threads(threads_per_rank(own, masks));
  }
  const auto warning =
      narrow_affinity_warning(rank_, static_cast<int>(own.size()), num_online_cpus());
  if (!warning.empty() && local_rank_ == 0) util::log::warn(warning);
}

Job::~Job() {
  connected_lifeline_ = nullptr;
  if (mpi_running_) {
    const Watchdog::Operation operation(*watchdog_, "MPI_Finalize", kFinalizeLimitSeconds);
    lifeline_.reset();
    group_.reset();
    MPI_Finalize();
  }
}

FatalReport Job::report_of(const std::string& message, int exit_code) const {
  FatalReport report;
  report.rank = rank_;
  report.host = host_;
  report.step = watchdog_->step();
  report.exit_code = exit_code;
  report.cause =
      exit_code == util::kExitComm ? FatalReport::Cause::kComm : FatalReport::Cause::kError;
  report.message = message;
  return report;
}

int Job::run(const std::function<int()>& body) {
  try {
    if (size_ > 1) check_same_everywhere(*group_, host_, "build", build_id());
    const int exit_code = static_cast<int>(group_->all_reduce_max(static_cast<double>(body())));
    if (lifeline_ != nullptr) lifeline_->goodbye();
    return exit_code;
  } catch (const util::Error& error) {
    return fail(report_of(error.what(), error.exit_code()));
  } catch (const c10::Error& error) {
    return fail(report_of(error.what_without_backtrace(), util::kExitFailure));
  } catch (const std::bad_alloc&) {
    return fail(report_of("out of memory (RAM) on this host", util::kExitFailure));
  } catch (const std::exception& error) {
    return fail(report_of(error.what(), util::kExitFailure));
  } catch (...) {
    return fail(report_of("an exception of unknown type", util::kExitFailure));
  }
}

int Job::fail(const FatalReport& report) {
  if (size_ > 1) end_all(report);
  announce(report);
  return report.exit_code;
}

void Job::end_all(const FatalReport& report) {
  std::fflush(stdout);
  if (Lifeline* lifeline = connected_lifeline_) {
    lifeline->report(report);
    std::this_thread::sleep_for(kEndLimit);  // its thread ends this process
  }
  announce(report);
  leave_now(report.exit_code);
}

void Job::leave_now(int exit_code) {
  util::log::flush();
  if (size_ > 1 && connected_lifeline_ == nullptr) MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

void Job::announce(const FatalReport& report) {
  if (announced_.exchange(true)) return;
  util::log::flush();
  const std::string line = fatal_line(program_, report) + '\n';
  util::write_above_status_line([&] {
    std::fputs(line.c_str(), stderr);
    std::fflush(stderr);
  });
  if (rank_ <= 1) run_failure_hook(report);
}

std::string Job::visible_devices() const {
  const char* value = std::getenv("CUDA_VISIBLE_DEVICES");
  return value == nullptr ? "not set" : value;
}

void Job::set_failure_hook(std::function<void(const FatalReport&)> hook) {
  const std::lock_guard lock(hook_mutex_);
  failure_hook_ = std::move(hook);
}

// On a thread of its own: a hook that hangs (a folder that does not answer) must not keep the job
// alive.
void Job::run_failure_hook(const FatalReport& report) {
  std::function<void(const FatalReport&)> hook;
  {
    const std::lock_guard lock(hook_mutex_);
    hook = failure_hook_;
  }
  if (!hook) return;
  auto done = std::make_shared<std::promise<void>>();
  auto finished = done->get_future();
  std::thread([hook, report, done] {
    try {
      hook(report);
    } catch (const std::exception& error) {
      util::log::error(fmt::format("while the job was ending: {}", error.what()));
    }
    done->set_value();
  }).detach();
  finished.wait_for(kHookLimit);
}

}  // namespace omnigen::comm
