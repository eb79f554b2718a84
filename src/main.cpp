// omnigen-dist: fine-tunes OmniGen over MPI ranks.
#include <fmt/format.h>

#include "comm/job.h"
#include "config/dump.h"
#include "config/load.h"
#include "train/verbs.h"
#include "util/error.h"

namespace {

int usage_error(const std::string& problem) {
  fmt::print(stderr, "omnigen-dist: {}\n\n{}", problem, omnigen::train::usage());
  return omnigen::util::kExitConfig;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace omnigen;
  std::vector<std::string> args(argv + 1, argv + argc);
  std::string name = "train";
  if (!args.empty() && !args.front().starts_with("-") &&
      args.front().find('=') == std::string::npos) {
    name = args.front();
    args.erase(args.begin());
  }
  if (name == "help" || config::wants_help(args)) {
    fmt::print("{}\n{}", train::usage(), config::help_text());
    return util::kExitDone;
  }
  const train::Verb* verb = train::find_verb(name);
  if (verb == nullptr) return usage_error(train::unknown_verb_text(name));
  if (verb->prepare != nullptr) verb->prepare();
  if (verb->run_alone != nullptr) return verb->run_alone(args);
  comm::Job job(&argc, &argv);
  job.set_program("omnigen-dist");
  return job.run([&] { return verb->run(args, job); });
}
