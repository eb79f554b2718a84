#include "optim/grad_clip.h"

#include <algorithm>

namespace omnigen::optim {
namespace {

constexpr int64_t kChunk = int64_t{1} << 26;  // elements whose magnitudes are held at a time

double largest_element(const at::Tensor& flat) {
  at::Tensor largest = at::zeros({}, flat.options());
  for (const at::Tensor& part : flat.split(kChunk)) {
    largest = at::maximum(largest, part.abs().max());  // NaN stays NaN
  }
  return largest.item<double>();
}

}  // namespace

double clip_gradients(at::Tensor& flat_gradients, const ClipOptions& options) {
  if (flat_gradients.numel() == 0) return 0.0;
  if (options.method == ClipMethod::kValue) {
    const double largest = largest_element(flat_gradients);
    if (options.limit > 0) flat_gradients.clamp_(-options.limit, options.limit);
    return largest;
  }
  const at::Tensor norm = at::linalg_vector_norm(flat_gradients, 2);
  if (options.limit > 0) flat_gradients.mul_((options.limit / (norm + 1e-6)).clamp_max(1.0));
  return norm.item<double>();
}

}  // namespace omnigen::optim
