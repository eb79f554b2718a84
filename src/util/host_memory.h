// Memory of this process and of its host, in bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace omnigen::util {

int64_t resident_bytes();
// The most since the start, or since the last reset where the kernel allows one.
int64_t peak_resident_bytes();
void reset_peak_resident();
// Of files mapped into this process whose names end so: what has not been read through the mapping
// yet, and will be resident once it is.
int64_t unread_mapped_bytes(std::string_view suffix);

// From now on freed memory stays with the process for what is allocated next, but for blocks above
// 32 MiB: the activations of every training step would otherwise go back to the kernel and come as
// new pages, each a fault and 4 KiB of zeros. No effect elsewhere than with glibc.
//
// Source: mallopt(3).
void keep_freed_memory();

// What this process can still take without swapping: free and reclaimable memory of the host,
// within what its control group (cgroup v1 or v2) leaves.
int64_t available_bytes();

}  // namespace omnigen::util
