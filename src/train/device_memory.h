// Memory of this process where it computes: resident memory on the CPU, tensors on a GPU.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace omnigen::train {

struct DeviceMemory {
  int64_t used = 0;       // bytes, by this process
  int64_t available = 0;  // besides; of a host that several ranks share, all of it
};
// Gives what the allocator holds unused back first.
DeviceMemory device_memory(c10::Device device);

// The most used since reset_peak().
int64_t peak_bytes(c10::Device device);
void reset_peak(c10::Device device);

}  // namespace omnigen::train
