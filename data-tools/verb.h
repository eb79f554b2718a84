// The verbs of omnigen-cache, one file each.
#pragma once

#include <string>
#include <vector>

#include "comm/job.h"

namespace omnigen::tools {

using Arguments = std::vector<std::string>;

struct Verb {
  const char* name;
  const char* arguments;  // "<cache folder>"
  const char* summary;
  // Returns the exit code. Errors: ConfigError for wrong arguments.
  int (*run)(comm::Job& job, const Arguments& arguments);
};

int run_build(comm::Job& job, const Arguments& arguments);
int run_verify(comm::Job& job, const Arguments& arguments);
int run_inspect(comm::Job& job, const Arguments& arguments);
int run_stats(comm::Job& job, const Arguments& arguments);
int run_draw(comm::Job& job, const Arguments& arguments);
int run_judge(comm::Job& job, const Arguments& arguments);
int run_make_model(comm::Job& job, const Arguments& arguments);

}  // namespace omnigen::tools
