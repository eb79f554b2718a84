// What must be the same on every rank before anything expensive starts.
#pragma once

#include <filesystem>
#include <string>

#include "comm/process_group.h"

namespace omnigen::comm {

// Errors: ConfigError, on every rank the same, naming two hosts and what each has, e.g.
// "host b runs build 1a2b, host a runs build 3c4d". Collective.
void check_same_everywhere(ProcessGroup& group, const std::string& host, const std::string& what,
                           const std::string& value);

// Rank 0 writes a file into `folder` (made if it is missing), every rank must see it.
// Errors: ConfigError naming the hosts that do not, or the reason why rank 0 cannot write there.
// Collective.
void check_shared_folder(ProcessGroup& group, const std::string& host,
                         const std::filesystem::path& folder);

// Identity of the running program: a hash of its file.
std::string build_id();

}  // namespace omnigen::comm
