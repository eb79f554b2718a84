// omnigen-cache: images and captions -> HDF5 shards that omnigen-dist trains on.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/text.h"
#include "util/error.h"
#include "util/version.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

constexpr std::array kVerbs = {
    Verb{"build", "--config FILE [--plan] [--KEY=VALUE ...]",
         "encode the data sets of a configuration, on any number of ranks", run_build},
    Verb{"verify", "FOLDER [--id ID]", "check every byte of a cache against its checksums",
         run_verify},
    Verb{"inspect", "FOLDER [RECORD] [--id ID]", "show a cache, or one record of it", run_inspect},
    Verb{"stats", "FOLDER [--id ID]", "sizes, captions, latents and the loss to expect", run_stats},
    Verb{"draw",
         "--output DIR | --prompts FILE [--set shapes|held-out|pairs|blickets] [--count N] [--side "
         "PIXELS] [--seed N]",
         "draw pictures of shapes with captions, or write captions alone as a prompt library",
         run_draw},
    Verb{"judge", "FOLDER",
         "count the pictures that show the shapes their captions name; FOLDER: a run's, or one of "
         "PNG files",
         run_judge},
    Verb{"make-model",
         "--output DIR [--size tiny|quickstart|small|omnigen-v1] [--dtype bf16|fp32] [--scheme "
         "plausible|scratch] [--seed N] [--tokenizer DIR] [--vae DIR]",
         "write a model folder with random weights, and the VAE that --vae gives", run_make_model}};

void print_help() {
  fmt::print("omnigen-cache VERB ...\n\n");
  for (const Verb& verb : kVerbs) {
    fmt::print("  {} {}\n      {}\n", verb.name, verb.arguments, verb.summary);
  }
  fmt::print("  version\n\nStart it alone, under mpirun or under srun.\n");
}

int unknown_verb(const std::string& name) {
  std::vector<std::string> known = {"version"};
  for (const Verb& verb : kVerbs) known.emplace_back(verb.name);
  const std::string nearest = config::nearest(name, known);
  fmt::print(stderr, "omnigen-cache: unknown verb \"{}\"{}; see omnigen-cache --help\n", name,
             nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest));
  return util::kExitConfig;
}

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  if (name == "--help" || name == "-h" || name == "help") {
    print_help();
    return argc > 1 ? util::kExitDone : util::kExitConfig;
  }
  if (name == "version" || name == "--version") {
    fmt::print("omnigen-cache {}\n", util::version_text());
    return util::kExitDone;
  }
  const auto* verb = std::find_if(kVerbs.begin(), kVerbs.end(),
                                  [&](const Verb& candidate) { return name == candidate.name; });
  if (verb == kVerbs.end()) return unknown_verb(name);
  const Arguments arguments(argv + 2, argv + argc);
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    fmt::print("omnigen-cache {} {}\n  {}\n", verb->name, verb->arguments, verb->summary);
    return util::kExitDone;
  }
  comm::Job job(&argc, &argv);
  return job.run([&] { return verb->run(job, arguments); });
}

}  // namespace
}  // namespace omnigen::tools

int main(int argc, char** argv) {
  return omnigen::tools::run(argc, argv);
}
