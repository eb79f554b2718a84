#include "optim/grad_clip.h"

#include <limits>

namespace omnigen::optim {
namespace {

// NaN stays NaN.
double largest_element(const at::Tensor& flat) {
  return at::linalg_vector_norm(flat, std::numeric_limits<double>::infinity()).item<double>();
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
