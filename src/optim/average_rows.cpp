#include "optim/average_rows.h"

#include <algorithm>

#include "nn/parallel.h"
#include "nn/simd.h"

namespace omnigen::optim {
namespace {

namespace simd = nn::simd;
using simd::kLanes;
using simd::Lanes;

constexpr int64_t kTaskElements = 1 << 14;

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

struct Part {
  size_t tensor;
  int64_t begin;
};

}  // namespace

void follow(const Averages& averages, const std::vector<at::Tensor>& parameters) {
  TORCH_CHECK(averages.values.size() == parameters.size(), "averages of ", averages.values.size(),
              " tensors for ", parameters.size());
  const at::NoGradGuard no_grad;
  std::vector<Part> parts;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& average = averages.values[i];
    if (!has_rows(average, parameters[i])) {
      average.sub_((average - parameters[i]).mul_(averages.weight));
      continue;
    }
    for (int64_t begin = 0; begin < average.numel(); begin += kTaskElements) {
      parts.push_back({i, begin});
    }
  }
  nn::parallel_for(std::ssize(parts), 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const auto& [index, begin] = parts[static_cast<size_t>(part)];
      const at::Tensor& parameter = parameters[index];
      float* average = averages.values[index].data_ptr<float>() + begin;
      const int64_t count = std::min(kTaskElements, parameter.numel() - begin);
      if (parameter.scalar_type() == at::kFloat) {
        run(average, parameter.const_data_ptr<float>() + begin, count, averages.weight);
      } else {
        run(average, parameter.const_data_ptr<at::BFloat16>() + begin, count, averages.weight);
      }
    }
  });
}

}  // namespace omnigen::optim
