#include "train/allocation_meter.h"

#include <c10/core/Allocator.h>

#include <algorithm>
#include <mutex>

namespace omnigen::train {

// The hook by which libtorch's allocators tell a profiler what they do.
class AllocationMeter::Counter : public c10::MemoryReportingInfoBase {
 public:
  explicit Counter(c10::Device device) : type_(device.type()) {}

  void reportMemoryUsage(void* /*pointer*/, int64_t bytes, size_t /*total*/, size_t /*reserved*/,
                         c10::Device device) override {
    if (device.type() != type_) return;
    const std::lock_guard lock(mutex_);
    alive_ += bytes;
    peak_ = std::max(peak_, alive_);
  }
  [[nodiscard]] bool memoryProfilingEnabled() const override { return true; }

  int64_t alive() {
    const std::lock_guard lock(mutex_);
    return alive_;
  }
  int64_t peak() {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  c10::DeviceType type_;
  std::mutex mutex_;
  int64_t alive_ = 0;
  int64_t peak_ = 0;
};

AllocationMeter::AllocationMeter(c10::Device device)
    : counter_(std::make_shared<Counter>(device)),
      guard_(c10::DebugInfoKind::PROFILER_STATE, counter_) {}

int64_t AllocationMeter::alive() const {
  return counter_->alive();
}
int64_t AllocationMeter::peak() const {
  return counter_->peak();
}

}  // namespace omnigen::train
