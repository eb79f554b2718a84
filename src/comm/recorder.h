// Work of a device that is recorded once and replayed: CUDA graphs.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

namespace omnigen::comm {

class Recording {
 public:
  Recording() = default;
  virtual ~Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // Does the recorded work again, on the memory it was recorded with.
  virtual void replay() = 0;
};

class Recorder {
 public:
  Recorder() = default;
  virtual ~Recorder() = default;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Does the work now, where recorded work is done: on a stream of its own, between what the caller
  // has asked of the device before and after.
  virtual void run(const std::function<void()>& work) = 0;
  // Records the work without doing it. Every tensor that it reads or leaves behind must live as
  // long as the recording; it may not wait for the device or copy to it from the host.
  // Errors: c10::Error for work that cannot be recorded.
  virtual std::unique_ptr<Recording> record(std::function<void()> work) = 0;
};

// On the host the work itself is kept, and called again.
std::unique_ptr<Recorder> make_recorder(at::Device device);

}  // namespace omnigen::comm
