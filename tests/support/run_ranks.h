// Ranks inside one test: threads that share a process group, without a launcher.
#pragma once

#include <functional>

#include "comm/process_group.h"

namespace omnigen::test {

// Runs `body` on `num_ranks` threads, each with its own rank of one group. Sums are in rank order.
// A rank that calls another collective than its peers fails the group; the exception of the rank
// that failed first is thrown again here, once all have ended.
void run_ranks(int num_ranks, const std::function<void(comm::ProcessGroup&)>& body);

}  // namespace omnigen::test
