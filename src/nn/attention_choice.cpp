#include "nn/attention_choice.h"

#include <ATen/Context.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "util/stopwatch.h"

namespace omnigen::nn {
namespace {

using Allowed = std::array<bool, 4>;  // in the order of kNames
constexpr std::array<const char*, 4> kNames = {"flash", "memory-efficient", "cuDNN", "math"};

Allowed allowed_now() {
  const at::Context& context = at::globalContext();
  return {context.userEnabledFlashSDP(), context.userEnabledMemEfficientSDP(),
          context.userEnabledCuDNNSDP(), context.userEnabledMathSDP()};
}

void allow(const Allowed& allowed) {
  at::Context& context = at::globalContext();
  context.setSDPUseFlash(allowed[0]);
  context.setSDPUseMemEfficient(allowed[1]);
  context.setSDPUseCuDNN(allowed[2]);
  context.setSDPUseMath(allowed[3]);
}

// While one of these lives, one kernel alone may be used.
class OnlyKernel {
 public:
  explicit OnlyKernel(size_t kernel) : before_(allowed_now()) {
    Allowed only{};
    only.at(kernel) = true;
    allow(only);
  }
  ~OnlyKernel() { allow(before_); }
  OnlyKernel(const OnlyKernel&) = delete;
  OnlyKernel& operator=(const OnlyKernel&) = delete;

 private:
  Allowed before_;
};

at::Tensor call(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal) {
  return at::scaled_dot_product_attention(q, k, v, {}, /*dropout_p=*/0.0, causal);
}

// The least of some tries, both passes; nothing where the kernel does not take the operands.
std::optional<double> seconds_of(size_t kernel, const std::array<at::Tensor, 3>& operands,
                                 bool causal) {
  constexpr int kTries = 4;  // the first one is warm-up as well
  const OnlyKernel only(kernel);
  const at::AutoGradMode recording(true);
  std::array<at::Tensor, 3> leaves;
  for (size_t i = 0; i < leaves.size(); ++i) leaves[i] = operands[i].detach().requires_grad_(true);
  double least = std::numeric_limits<double>::max();
  try {
    for (int i = 0; i < kTries; ++i) {
      const util::Stopwatch watch;
      const at::Tensor out = call(leaves[0], leaves[1], leaves[2], causal);
      const auto found =
          torch::autograd::grad({out}, {leaves[0], leaves[1], leaves[2]}, {at::ones_like(out)});
      static_cast<void>(found[0].sum().item<float>());  // waits for the device
      least = std::min(least, watch.elapsed_s());
    }
  } catch (const c10::Error&) {
    return std::nullopt;
  }
  return least;
}

size_t fastest(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal) {
  constexpr size_t kMath = kNames.size() - 1;
  const Allowed allowed = allowed_now();
  size_t best = kMath;
  double least = std::numeric_limits<double>::max();
  for (size_t kernel = 0; kernel < kNames.size(); ++kernel) {
    if (!allowed.at(kernel)) continue;
    const auto seconds = seconds_of(kernel, {q, k, v}, causal);
    if (!seconds || *seconds >= least) continue;
    best = kernel;
    least = *seconds;
  }
  return best;
}

}  // namespace

std::string measure_attention_kernels(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                      bool causal) {
  return kNames.at(fastest(q, k, v, causal));
}

at::Tensor fastest_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             bool causal) {
  if (!q.is_cuda()) return call(q, k, v, causal);
  using Key = std::tuple<at::ScalarType, int64_t, uint64_t, uint64_t, int64_t, bool>;
  static std::mutex mutex;
  static std::map<Key, size_t> chosen;
  const auto like = [](int64_t size) { return std::bit_ceil(static_cast<uint64_t>(size)); };
  const Key key{q.scalar_type(), q.size(1), like(q.size(2)), like(k.size(2)), q.size(3), causal};
  const std::lock_guard lock(mutex);
  auto found = chosen.find(key);
  if (found == chosen.end()) found = chosen.emplace(key, fastest(q, k, v, causal)).first;
  const OnlyKernel only(found->second);
  return call(q, k, v, causal);
}

}  // namespace omnigen::nn
