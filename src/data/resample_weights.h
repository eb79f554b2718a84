// Weights of a separable resampling along one axis.
#pragma once

#include <cstdint>
#include <vector>

#include "data/resample.h"

namespace omnigen::data {

// Output k of [begin, end) is the sum of num_taps weights times inputs [first[k], first[k] +
// num_taps[k]).
struct AxisWeights {
  std::vector<int64_t> first;
  std::vector<int64_t> num_taps;
  std::vector<int64_t> offset;  // into `weights`
  std::vector<double> weights;  // of each output, sum 1
};

// Outputs [begin, end) of an axis of `source` pixels resized to `target`. `filter` is one of the
// anti-aliased ones.
AxisWeights axis_weights(int64_t source, int64_t target, int64_t begin, int64_t end,
                         ResampleFilter filter);

// OpenCV's bilinear taps: output k is (w0 * in[index0] + w1 * in[index1]) / 2048.
struct BilinearTap {
  int64_t index0 = 0;
  int64_t index1 = 0;
  int32_t weight0 = 0;
  int32_t weight1 = 0;
};
// `clamp_weights`: at the borders of a row the far weight is 0 (columns); rows are repeated
// instead.
std::vector<BilinearTap> bilinear_taps(int64_t source, int64_t target, int64_t begin, int64_t end,
                                       bool clamp_weights);

}  // namespace omnigen::data
