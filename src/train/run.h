// The verbs of omnigen-dist.
#pragma once

#include <string>
#include <vector>

#include "comm/job.h"
#include "config/load.h"

namespace omnigen::train {

// Rank 0 reads the configuration, the others get it from it. Collective.
config::LoadResult load_on_root(const std::vector<std::string>& args, comm::ProcessGroup& group);

// Trains; returns the exit code. Collective. Errors: ConfigError, DataError, Error, CommError.
int run_training(const config::LoadResult& loaded, comm::Job& job);

// Validates everything that needs no training and prints what a run would be: 0, 2 with what is
// wrong, or 3 when only data, weights or a cache are not there yet.
int run_check(const std::vector<std::string>& args);

}  // namespace omnigen::train
