#include "train/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "comm/group_factory.h"
#include "config/text.h"
#include "train/configure.h"
#include "train/export.h"
#include "train/report_verb.h"
#include "train/run.h"
#include "train/run_services.h"
#include "train/run_state.h"
#include "train/stop_signal.h"
#include "util/error.h"
#include "util/version.h"

namespace omnigen::train {
namespace {

int train_verb(const Arguments& args, comm::Job& job) {
  return run_training(load_on_root(args, job.group()), job);
}

int check_verb(const Arguments& args, comm::Job& /*job*/) {
  return run_check(args);
}

int configure_verb(const Arguments& args, comm::Job& /*job*/) {
  return run_configure(args);
}

// With --is-preempted 0 or 1, for scripts that start a run again.
int status_verb(const Arguments& args) {
  if (args.size() == 1) return print_status(args.front());
  if (args.size() == 2 && args.back() == "--is-preempted") {
    return print_status(args.front()) == util::kExitRestart ? util::kExitDone : util::kExitFailure;
  }
  fmt::print(stderr, "omnigen-dist: status wants one OUTPUT_DIR\n\n{}", usage());
  return util::kExitConfig;
}

int export_verb(const Arguments& args, comm::Job& /*job*/) {
  return run_export(args);
}

int report_verb(const Arguments& args, comm::Job& /*job*/) {
  return run_report(args);
}

int wandb_upload_verb(const Arguments& args, comm::Job& /*job*/) {
  if (args.size() == 1) return run_wandb_upload(args.front());
  fmt::print(stderr, "omnigen-dist: wandb-upload wants one OUTPUT_DIR\n\n{}", usage());
  return util::kExitConfig;
}

int version_verb(const Arguments& /*args*/) {
  fmt::print("omnigen-dist {}\n{}\n", util::version_text(), comm::library_versions());
  return util::kExitDone;
}

constexpr std::array kVerbs = {
    Verb{"train", "--config FILE [--KEY=VALUE ...]",
         "train; the verb may be left out. Start it alone, under mpirun or under srun", train_verb,
         nullptr, keep_early_notices},
    Verb{"check", "--config FILE [--np N] [--KEY=VALUE ...]",
         "say what a run on N ranks would be: 0 it can start, 2 what is wrong, 3 what is missing",
         check_verb},
    Verb{"configure", "[PATH] [--out DIR] [--answers FILE] [--defaults]",
         "ask for the settings and write config.json and its files (docs/configure.md)",
         configure_verb},
    Verb{"status", "OUTPUT_DIR [--is-preempted]",
         "where a run stands: 0 done, 75 start again, 1 failed, 3 running or unknown", nullptr,
         status_verb},
    Verb{"report", "OUTPUT_DIR [--output FILE]",
         "write a run's page, report.html: did it learn, curves, pictures; also of a run that is "
         "not finished",
         report_verb},
    Verb{"export",
         "--from PATH --to DIR [--format diffusers|original|lycoris|peft] [--model DIR] "
         "[--weights live|ema] [--dtype bf16|fp16|fp32] [--strength X] [--overwrite]",
         "write a result in another layout; PATH: a run's folder, a checkpoint, an adapter's file "
         "or a model folder",
         export_verb},
    Verb{"wandb-upload", "OUTPUT_DIR", "hand a run's records to the W&B client", wandb_upload_verb},
    Verb{"version", "", "version of this program and of what it was built with", nullptr,
         version_verb}};

}  // namespace

const Verb* find_verb(const std::string& name) {
  const auto* found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                   [&](const Verb& verb) { return name == verb.name; });
  return found == kVerbs.end() ? nullptr : found;
}

std::string usage() {
  std::string text;
  for (const Verb& verb : kVerbs) {
    text += fmt::format("omnigen-dist {} {}\n    {}\n", verb.name, verb.arguments, verb.summary);
  }
  return text;
}

std::string unknown_verb_text(const std::string& name) {
  std::vector<std::string> names;
  names.reserve(kVerbs.size());
  for (const Verb& verb : kVerbs) names.emplace_back(verb.name);
  const std::string near = config::nearest(name, names);
  return fmt::format("unknown command \"{}\"{}", name,
                     near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near));
}

}  // namespace omnigen::train
