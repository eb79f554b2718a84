// CUDA graphs of one GPU, which share their memory: they are replayed one after another. Built with
// CUDA only.
#pragma once

#include <memory>

#include "comm/recorder.h"

namespace omnigen::comm {

std::unique_ptr<Recorder> make_cuda_recorder(at::Device device);

}  // namespace omnigen::comm
