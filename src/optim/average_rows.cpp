#include "optim/average_rows.h"

#include "nn/parallel.h"
#include "nn/simd.h"
#include "optim/tensor_parts.h"

namespace omnigen::optim {
namespace {

namespace simd = nn::simd;
using simd::kLanes;
using simd::Lanes;

template <class T>
OMNIGEN_LANES_INLINE void follow_rows(float* average, const T* parameter, int64_t count,
                                      float weight) {
  for (int64_t i = 0; i < count; i += kLanes) {
    Lanes s;
    Lanes p;
    simd::load_upto(average + i, count - i, s);
    simd::load_upto(parameter + i, count - i, p);
    simd::store_upto(average + i, count - i, s - (s - p) * weight);
  }
}

OMNIGEN_SIMD void run(float* average, const float* parameter, int64_t count, float weight) {
  follow_rows(average, parameter, count, weight);
}
OMNIGEN_SIMD void run(float* average, const at::BFloat16* parameter, int64_t count, float weight) {
  follow_rows(average, parameter, count, weight);
}

bool has_rows(const at::Tensor& average, const at::Tensor& parameter) {
  return nn::has_row_kernels(parameter) && average.is_cpu() && average.is_contiguous() &&
         parameter.is_contiguous();
}

}  // namespace

void follow(const Averages& averages, const std::vector<at::Tensor>& parameters) {
  TORCH_CHECK(averages.values.size() == parameters.size(), "averages of ", averages.values.size(),
              " tensors for ", parameters.size());
  const at::NoGradGuard no_grad;
  std::vector<int64_t> sizes(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& average = averages.values[i];
    if (has_rows(average, parameters[i])) {
      sizes[i] = average.numel();
    } else {
      average.sub_((average - parameters[i]).mul_(averages.weight));
    }
  }
  for_each_part(sizes, [&](size_t i, int64_t begin, int64_t end) {
    const at::Tensor& parameter = parameters[i];
    float* average = averages.values[i].data_ptr<float>() + begin;
    if (parameter.scalar_type() == at::kFloat) {
      run(average, parameter.const_data_ptr<float>() + begin, end - begin, averages.weight);
    } else {
      run(average, parameter.const_data_ptr<at::BFloat16>() + begin, end - begin, averages.weight);
    }
  });
}

}  // namespace omnigen::optim
