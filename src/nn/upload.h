// Host memory to a device.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

// The copy takes its place among what the device has to do: the host does not wait for it. From
// pinned memory it needs the host no more; other memory is copied first.
inline at::Tensor upload(const at::Tensor& host, at::Device device) {
  return host.to(device, host.scalar_type(), /*non_blocking=*/true);
}

}  // namespace omnigen::nn
