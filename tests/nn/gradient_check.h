// Gradients of two implementations of one function, compared.
#pragma once

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <functional>
#include <vector>

#include "support/tensor_near.h"
#include "util/seed_stream.h"

namespace omnigen::test {

using TensorList = std::vector<at::Tensor>;
using Function = std::function<at::Tensor(const TensorList&)>;

struct Evaluated {
  at::Tensor value;
  TensorList grads;
};

// Gradients of sum(value · probe), with probes that do not depend on the value. `inputs` are
// copied.
inline Evaluated evaluate(const Function& function, const TensorList& inputs) {
  TensorList leaves;
  for (const at::Tensor& input : inputs) leaves.push_back(input.clone().requires_grad_());
  const at::Tensor value = function(leaves);
  const at::Tensor probe = at::linspace(-1.0, 1.3, value.numel()).view(value.sizes());
  return {value.detach(), torch::autograd::grad({value}, leaves, {probe.to(value.scalar_type())})};
}

inline void expect_same_function(const Function& actual, const Function& expected,
                                 const TensorList& inputs, const Tolerance& tolerance) {
  const Evaluated a = evaluate(actual, inputs);
  const Evaluated e = evaluate(expected, inputs);
  EXPECT_TENSOR_NEAR(a.value, e.value, tolerance);
  for (size_t i = 0; i < inputs.size(); ++i) {
    SCOPED_TRACE("input " + std::to_string(i));
    EXPECT_TENSOR_NEAR(a.grads[i], e.grads[i], tolerance);
  }
}

// The same in float64: what both are compared with.
inline TensorList to_double(const TensorList& inputs) {
  TensorList wide;
  for (const at::Tensor& input : inputs) wide.push_back(input.detach().to(at::kDouble));
  return wide;
}

// `function` in its inputs' dtype against itself in float64: the readable form there.
inline void expect_near_double(const Function& function, const TensorList& inputs,
                               const Tolerance& tolerance) {
  const Evaluated a = evaluate(function, inputs);
  const Evaluated e = evaluate(function, to_double(inputs));
  EXPECT_TENSOR_NEAR(a.value, e.value, tolerance);
  for (size_t i = 0; i < inputs.size(); ++i) {
    SCOPED_TRACE("input " + std::to_string(i));
    EXPECT_TENSOR_NEAR(a.grads[i], e.grads[i], tolerance);
  }
}

// Normal numbers that depend on `seed` alone.
inline at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  at::Tensor values = at::empty(shape, at::kFloat);
  util::SeedStream stream(seed, "test", {"random_tensor"});
  stream.fill_normal({values.data_ptr<float>(), static_cast<size_t>(count)});
  return values;
}

}  // namespace omnigen::test
