#include "train/device_memory.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>

#include "util/host_memory.h"

namespace omnigen::train {
namespace {

constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);

}  // namespace

DeviceMemory device_memory(c10::Device device) {
  if (device.is_cpu()) {
    malloc_trim(0);
    // Weights of blocks that no pass has reached are still in their file.
    const int64_t unread = util::unread_mapped_bytes(".safetensors");
    return {util::resident_bytes() + unread, util::available_bytes() - unread};
  }
  c10::DeviceAllocator& allocator = *c10::getDeviceAllocator(device.type());
  allocator.emptyCache();
  const int64_t used = allocator.getDeviceStats(device.index()).allocated_bytes[kAll].current;
  return {used, static_cast<int64_t>(allocator.getMemoryInfo(device.index()).first)};
}

int64_t peak_bytes(c10::Device device) {
  if (device.is_cpu()) return util::peak_resident_bytes();
  return c10::getDeviceAllocator(device.type())
      ->getDeviceStats(device.index())
      .allocated_bytes[kAll]
      .peak;
}

void reset_peak(c10::Device device) {
  if (device.is_cpu()) {
    util::reset_peak_resident();
  } else {
    c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
  }
}

}  // namespace omnigen::train
