#include "comm/cuda_recorder.h"

#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace omnigen::comm {
namespace {

// While one of these lives, `stream` is the current one. It goes on behind what the caller's had to
// do, and the caller's behind it.
class Aside {
 public:
  explicit Aside(c10::cuda::CUDAStream stream)
      : callers_(c10::cuda::getCurrentCUDAStream(stream.device_index())),
        stream_(stream),
        guard_((join(callers_, stream), stream)) {}
  ~Aside() { join(stream_, callers_); }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  static void join(const c10::cuda::CUDAStream& first, const c10::cuda::CUDAStream& then) {
    at::cuda::CUDAEvent done;
    done.record(first);
    done.block(then);
  }

  c10::cuda::CUDAStream callers_;
  c10::cuda::CUDAStream stream_;
  c10::cuda::CUDAStreamGuard guard_;
};

class CudaRecording : public Recording {
 public:
  CudaRecording(c10::cuda::CUDAStream stream, std::unique_ptr<at::cuda::CUDAGraph> graph)
      : stream_(stream), graph_(std::move(graph)) {}
  void replay() override {
    const Aside aside(stream_);
    graph_->replay();
  }

 private:
  c10::cuda::CUDAStream stream_;
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
};

class CudaRecorder : public Recorder {
 public:
  explicit CudaRecorder(at::Device device)
      : stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())),
        pool_(at::cuda::graph_pool_handle()) {}

  void run(const std::function<void()>& work) override {
    const Aside aside(stream_);
    work();
  }

  std::unique_ptr<Recording> record(std::function<void()> work) override {
    const Aside aside(stream_);
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    // Of this thread: loaders may ask CUDA for pinned memory meanwhile.
    graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      end_quietly(*graph);
      throw;
    }
    graph->capture_end();
    return std::make_unique<CudaRecording>(stream_, std::move(graph));
  }

 private:
  // The stream must not stay in the state of recording.
  static void end_quietly(at::cuda::CUDAGraph& graph) {
    try {
      graph.capture_end();
    } catch (const c10::Error&) {  // what ended the recording is thrown
      return;
    }
  }

  c10::cuda::CUDAStream stream_;
  at::cuda::MempoolId_t pool_;
};

}  // namespace

std::unique_ptr<Recorder> make_cuda_recorder(at::Device device) {
  return std::make_unique<CudaRecorder>(device);
}

}  // namespace omnigen::comm
