// Exponential and logistic function of sixteen float lanes (simd.h), the same bits on every
// processor.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "nn/simd.h"

namespace omnigen::nn::simd {

// e^x within 2 units in the last place; 0 below -87.3, NaN stays NaN. Two-part reduction by ln 2
// and a polynomial of degree 6 (Cody and Waite; coefficients of Cephes' expf).
OMNIGEN_LANES_INLINE void exponential(const Lanes& argument, Lanes& result) {
  constexpr float kLog2e = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  Lanes x = argument > 88.3F ? Lanes{} + 88.3F : argument;
  x = x < -87.3F ? Lanes{} - 87.3F : x;
  const Lanes shifted = x * kLog2e + kRound;
  const Lanes n = shifted - kRound;
  const Lanes r = (x - n * kLn2High) - n * kLn2Low;
  Lanes p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  IntLanes exponent;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  exponent = (exponent - std::bit_cast<int32_t>(kRound) + 127) << 23;
  Lanes scale;
  std::memcpy(&scale, &exponent, sizeof scale);
  result = p * scale;
  result = argument < -87.3F ? Lanes{} : result;
}

// 1 / (1 + e^-x).
OMNIGEN_LANES_INLINE void sigmoid(const Lanes& x, Lanes& result) {
  Lanes e;
  exponential(-x, e);
  result = 1.0F / (1.0F + e);
}

}  // namespace omnigen::nn::simd
