// Bytes that tensors take while something runs.
#pragma once

#include <c10/core/Device.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>
#include <memory>

namespace omnigen::train {

// Counts what is allocated on `device` from its construction on by this thread, and by autograd on
// its behalf. Tensors that were there before must not be freed meanwhile.
class AllocationMeter {
 public:
  explicit AllocationMeter(c10::Device device);

  [[nodiscard]] int64_t alive() const;
  // The most that has been alive at once.
  [[nodiscard]] int64_t peak() const;

 private:
  class Counter;
  std::shared_ptr<Counter> counter_;
  c10::DebugInfoGuard guard_;
};

}  // namespace omnigen::train
