// Sixteen float lanes for the row kernels of this folder, in GCC's vector types.
//
// A kernel marked OMNIGEN_SIMD is compiled for AVX-512, AVX2 and the baseline, and the processor's
// version is chosen when the program is loaded. Lanes are added in one fixed order and never
// contracted, so that every version gives the same bits. Square roots set no error number. Lanes
// are passed by reference only: the versions pass vectors by value differently.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && !defined(__AVX2__)
#define OMNIGEN_SIMD                                                           \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), \
                 optimize("O3", "no-math-errno")))
#else
#define OMNIGEN_SIMD
#endif
#define OMNIGEN_LANES_INLINE __attribute__((always_inline)) inline

namespace omnigen::nn::simd {

constexpr int64_t kLanes = 16;

using Lanes = float __attribute__((vector_size(64)));
using IntLanes = int32_t __attribute__((vector_size(64)));
using UintLanes = uint32_t __attribute__((vector_size(64)));
using HalfLanes = uint16_t __attribute__((vector_size(32)));

OMNIGEN_LANES_INLINE void load(const float* from, Lanes& x) {
  std::memcpy(&x, from, sizeof x);
}
OMNIGEN_LANES_INLINE void store(float* to, const Lanes& x) {
  std::memcpy(to, &x, sizeof x);
}

OMNIGEN_LANES_INLINE void load(const at::BFloat16* from, Lanes& x) {
  HalfLanes half;
  std::memcpy(&half, from, sizeof half);
  const UintLanes bits = __builtin_convertvector(half, UintLanes) << 16;
  std::memcpy(&x, &bits, sizeof x);
}

// To the nearest bfloat16, ties to even; NaN stays NaN.
OMNIGEN_LANES_INLINE void round_to_bfloat16(const Lanes& x, UintLanes& bits) {
  UintLanes exact;
  std::memcpy(&exact, &x, sizeof exact);
  const UintLanes rounded = exact + 0x7fffu + ((exact >> 16) & 1u);
  bits = (x == x ? rounded : (exact | 0x400000u)) >> 16;
}

OMNIGEN_LANES_INLINE void store(at::BFloat16* to, const Lanes& x) {
  UintLanes bits;
  round_to_bfloat16(x, bits);
  const HalfLanes half = __builtin_convertvector(bits, HalfLanes);
  std::memcpy(to, &half, sizeof half);
}

// What a stored value reads as: x itself in float32.
OMNIGEN_LANES_INLINE void round_as(const float*, Lanes&) {}
OMNIGEN_LANES_INLINE void round_as(const at::BFloat16*, Lanes& x) {
  UintLanes bits;
  round_to_bfloat16(x, bits);
  bits <<= 16;
  std::memcpy(&x, &bits, sizeof x);
}

// The first `count` lanes; the others read as zero and are not written.
template <class T>
OMNIGEN_LANES_INLINE void load_part(const T* from, int64_t count, Lanes& x) {
  std::array<T, kLanes> padded{};
  std::memcpy(padded.data(), from, static_cast<size_t>(count) * sizeof(T));
  load(padded.data(), x);
}
template <class T>
OMNIGEN_LANES_INLINE void store_part(T* to, int64_t count, const Lanes& x) {
  std::array<T, kLanes> padded{};
  store(padded.data(), x);
  std::memcpy(to, padded.data(), static_cast<size_t>(count) * sizeof(T));
}

// Either a whole load or store, or the tail of a row.
template <class T>
OMNIGEN_LANES_INLINE void load_upto(const T* from, int64_t left, Lanes& x) {
  if (left >= kLanes) {
    load(from, x);
  } else {
    load_part(from, left, x);
  }
}
template <class T>
OMNIGEN_LANES_INLINE void store_upto(T* to, int64_t left, const Lanes& x) {
  if (left >= kLanes) {
    store(to, x);
  } else {
    store_part(to, left, x);
  }
}

OMNIGEN_LANES_INLINE float sum(const Lanes& x) {
  std::array<float, 8> total{};
  for (size_t i = 0; i < 8; ++i) total[i] = x[i] + x[i + 8];
  for (size_t width = 4; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) total[i] += total[i + width];
  }
  return total[0];
}

OMNIGEN_LANES_INLINE float maximum(const Lanes& x) {
  float best = x[0];
  for (int i = 1; i < kLanes; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

OMNIGEN_LANES_INLINE void fill(float value, Lanes& x) {
  x = Lanes{} + value;
}

}  // namespace omnigen::nn::simd
