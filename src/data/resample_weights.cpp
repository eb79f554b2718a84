#include "data/resample_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace omnigen::data {
namespace {

constexpr double kLanczosSupport = 3.0;
constexpr double kBicubicSupport = 2.0;
constexpr double kBoxSupport = 0.5;
constexpr float kBilinearOne = 2048.0F;  // 11 bits

double sinc(double x) {
  if (x == 0) return 1;
  const double t = x * std::numbers::pi;
  return std::sin(t) / t;
}

double support_of(ResampleFilter filter) {
  switch (filter) {
    case ResampleFilter::kBicubicAa:
      return kBicubicSupport;
    case ResampleFilter::kBoxAa:
      return kBoxSupport;
    default:
      return kLanczosSupport;
  }
}

double kernel(ResampleFilter filter, double x) {
  if (filter == ResampleFilter::kBoxAa) return x > -kBoxSupport && x <= kBoxSupport ? 1 : 0;
  const double distance = std::abs(x);
  if (filter == ResampleFilter::kLanczosAa) {
    return distance < kLanczosSupport ? sinc(x) * sinc(x / kLanczosSupport) : 0;
  }
  constexpr double kA = -0.5;
  if (distance < 1) return ((kA + 2) * distance - (kA + 3)) * distance * distance + 1;
  if (distance < kBicubicSupport) return (((distance - 5) * distance + 8) * distance - 4) * kA;
  return 0;
}

}  // namespace

AxisWeights axis_weights(int64_t source, int64_t target, int64_t begin, int64_t end,
                         ResampleFilter filter) {
  const double scale = static_cast<double>(source) / static_cast<double>(target);
  const double stretch = std::max(scale, 1.0);
  const double support = support_of(filter) * stretch;
  AxisWeights axis;
  for (int64_t k = begin; k < end; ++k) {
    const double centre = (static_cast<double>(k) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
    const auto last = std::min(source, static_cast<int64_t>(centre + support + 0.5));
    axis.first.push_back(first);
    axis.num_taps.push_back(last - first);
    axis.offset.push_back(std::ssize(axis.weights));
    double sum = 0;
    for (int64_t i = first; i < last; ++i) {
      axis.weights.push_back(kernel(filter, (static_cast<double>(i) - centre + 0.5) / stretch));
      sum += axis.weights.back();
    }
    for (auto weight = axis.weights.end() - (last - first); weight != axis.weights.end();
         ++weight) {
      *weight /= sum;
    }
  }
  return axis;
}

std::vector<BilinearTap> bilinear_taps(int64_t source, int64_t target, int64_t begin, int64_t end,
                                       bool clamp_weights) {
  const double scale = static_cast<double>(source) / static_cast<double>(target);
  std::vector<BilinearTap> taps;
  for (int64_t k = begin; k < end; ++k) {
    // OpenCV holds positions in single precision.
    const auto position = static_cast<float>((static_cast<double>(k) + 0.5) * scale - 0.5);
    auto index = static_cast<int64_t>(std::floor(position));
    float fraction = position - static_cast<float>(index);
    if (clamp_weights && (index < 0 || index >= source - 1)) {
      index = std::clamp<int64_t>(index, 0, source - 1);
      fraction = 0;
    }
    taps.push_back({std::clamp<int64_t>(index, 0, source - 1),
                    std::clamp<int64_t>(index + 1, 0, source - 1),
                    static_cast<int32_t>(std::lrintf((1.0F - fraction) * kBilinearOne)),
                    static_cast<int32_t>(std::lrintf(fraction * kBilinearOne))});
  }
  return taps;
}

}  // namespace omnigen::data
