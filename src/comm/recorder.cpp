#include "comm/recorder.h"

#include <utility>

#ifdef OMNIGEN_WITH_CUDA
#include "comm/cuda_recorder.h"
#endif

namespace omnigen::comm {
namespace {

class HostRecording : public Recording {
 public:
  explicit HostRecording(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override { work_(); }

 private:
  std::function<void()> work_;
};

class HostRecorder : public Recorder {
 public:
  void run(const std::function<void()>& work) override { work(); }
  std::unique_ptr<Recording> record(std::function<void()> work) override {
    return std::make_unique<HostRecording>(std::move(work));
  }
};

}  // namespace

std::unique_ptr<Recorder> make_recorder(at::Device device) {
#ifdef OMNIGEN_WITH_CUDA
  if (device.is_cuda()) return make_cuda_recorder(device);
#endif
  TORCH_CHECK(device.is_cpu(), "no recorder for ", device);
  return std::make_unique<HostRecorder>();
}

}  // namespace omnigen::comm
