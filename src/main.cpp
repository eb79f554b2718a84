// omnigen-dist: fine-tunes OmniGen over MPI ranks.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "comm/job.h"
#include "config/dump.h"
#include "config/load.h"
#include "train/run.h"
#include "train/run_state.h"
#include "train/stop_signal.h"
#include "util/error.h"
#include "util/version.h"

namespace {

constexpr const char* kUsage =
    "omnigen-dist [train] --config FILE [--KEY=VALUE ...]   train; start it alone, under mpirun or "
    "srun\n"
    "omnigen-dist check --config FILE [--KEY=VALUE ...]     say what a run would be and what is "
    "missing\n"
    "omnigen-dist status OUTPUT_DIR                         where a run stands: 0 done, 75 start "
    "again,\n"
    "                                                       1 failed, 3 running or unknown\n"
    "omnigen-dist version\n";

int usage_error(const std::string& verb) {
  fmt::print(stderr, "omnigen-dist: unknown command \"{}\"\n\n{}", verb, kUsage);
  return omnigen::util::kExitConfig;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  std::string verb = "train";
  if (!args.empty() && !args.front().starts_with("-") &&
      args.front().find('=') == std::string::npos) {
    verb = args.front();
    args.erase(args.begin());
  }
  if (verb == "help" || omnigen::config::wants_help(args)) {
    fmt::print("{}\n{}", kUsage, omnigen::config::help_text());
    return omnigen::util::kExitDone;
  }
  if (verb == "version") {
    fmt::print("omnigen-dist {}\n", omnigen::util::version_text());
    return omnigen::util::kExitDone;
  }
  if (verb == "status") {
    return args.size() == 1 ? omnigen::train::print_status(args.front())
                            : usage_error("status without OUTPUT_DIR");
  }
  if (verb != "train" && verb != "check") return usage_error(verb);
  if (verb == "train") omnigen::train::keep_early_notices();
  omnigen::comm::Job job(&argc, &argv);
  job.set_program("omnigen-dist");
  return job.run([&] {
    if (verb == "check") return omnigen::train::run_check(args);
    const auto loaded = omnigen::train::load_on_root(args, job.group());
    return omnigen::train::run_training(loaded, job);
  });
}
