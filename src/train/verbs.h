// The verbs of omnigen-dist.
#pragma once

#include <string>
#include <vector>

#include "comm/job.h"

namespace omnigen::train {

using Arguments = std::vector<std::string>;

struct Verb {
  const char* name;
  const char* arguments;
  const char* summary;
  int (*run)(const Arguments& args, comm::Job& job);  // null: run_alone
  int (*run_alone)(const Arguments& args) = nullptr;  // without a job; returns the exit code
  void (*prepare)() = nullptr;                        // before the job
};

// Null for a name that is no verb's.
const Verb* find_verb(const std::string& name);
// A line or two for each verb.
std::string usage();
// With the nearest verb.
std::string unknown_verb_text(const std::string& name);

}  // namespace omnigen::train
