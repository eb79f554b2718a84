// Where a run goes on.
#pragma once

#include <string>

#include "comm/process_group.h"
#include "config/schema.h"

namespace omnigen::train {

// The checkpoint folder that resume_from_checkpoint means, the same on every rank; empty: none.
// Collective. Errors: DataError where it names one that is not there.
std::string resume_point(const config::TrainConfig& train, comm::ProcessGroup& group);

}  // namespace omnigen::train
