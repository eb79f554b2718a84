// What the files of nn/gemm.h share: how its kernels are compiled, lanes of 32 bits, and where the
// panels of the right matrix lie. x86 only.
#pragma once

#include <immintrin.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "nn/gemm.h"

// GCC 12's own intrinsics start from registers that they leave undefined on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define OMNIGEN_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"
#define OMNIGEN_KERNEL __attribute__((target(OMNIGEN_TARGET), optimize("O3")))
#define OMNIGEN_KERNEL_INLINE \
  __attribute__((target(OMNIGEN_TARGET), optimize("O3"), always_inline)) inline

namespace omnigen::nn::gemm {

struct Panel {
  int64_t first = 0;  // in vectors of 16 columns
  int64_t vectors = 0;
};

inline int64_t num_panels(int64_t n) {
  return (padded_columns(n) + kMaxPanelColumns - 1) / kMaxPanelColumns;
}
// Panels are of equal width, but for one vector.
inline Panel panel_at(int64_t index, int64_t n) {
  const int64_t vectors = padded_columns(n) / kLanes;
  const int64_t panels = num_panels(n);
  const int64_t narrow = vectors / panels;
  const int64_t wide = vectors % panels;
  return {index * narrow + std::min(index, wide), narrow + (index < wide ? 1 : 0)};
}

OMNIGEN_KERNEL_INLINE __mmask16 first_lanes(int64_t count) {
  return count >= kLanes ? static_cast<__mmask16>(0xffff)
                         : static_cast<__mmask16>((1U << std::max<int64_t>(count, 0)) - 1U);
}

// 16 elements of a row as floats' or halves' bits in 32-bit lanes; those from `left` on are zero.
OMNIGEN_KERNEL_INLINE __m512i load_lanes(const float* from, int64_t left) {
  return _mm512_maskz_loadu_epi32(first_lanes(left), from);
}
OMNIGEN_KERNEL_INLINE __m512i load_lanes(const at::BFloat16* from, int64_t left) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(left), from));
}

OMNIGEN_KERNEL_INLINE __m512 load_floats(const float* from, int64_t left) {
  return _mm512_castsi512_ps(load_lanes(from, left));
}
OMNIGEN_KERNEL_INLINE __m512 load_floats(const at::BFloat16* from, int64_t left) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(load_lanes(from, left), 16));
}
OMNIGEN_KERNEL_INLINE void store_floats(float* to, int64_t left, __m512 x) {
  _mm512_mask_storeu_ps(to, first_lanes(left), x);
}
OMNIGEN_KERNEL_INLINE void store_floats(at::BFloat16* to, int64_t left, __m512 x) {
  _mm256_mask_storeu_epi16(to, first_lanes(left), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

// Up to 16 words of a row; `left` elements are left of it.
OMNIGEN_KERNEL_INLINE __m512i load_words(const float* from, int64_t left) {
  return _mm512_maskz_loadu_epi32(first_lanes(left), from);
}
OMNIGEN_KERNEL_INLINE __m512i load_words(const at::BFloat16* from, int64_t left) {
  const __mmask32 mask = left >= 32 ? 0xffffffffU : (1U << left) - 1U;
  return _mm512_maskz_loadu_epi16(mask, from);
}
// The word of 16 columns: row 0 of b, beside it row 1 in bfloat16, where there are `rows` of them.
OMNIGEN_KERNEL_INLINE __m512i word_lanes(const float* b, int64_t /*stride*/, int64_t /*rows*/,
                                         int64_t columns) {
  return load_lanes(b, columns);
}
OMNIGEN_KERNEL_INLINE __m512i word_lanes(const at::BFloat16* b, int64_t stride, int64_t rows,
                                         int64_t columns) {
  const __m512i low = load_lanes(b, columns);
  if (rows < 2) return low;
  return _mm512_or_si512(low, _mm512_slli_epi32(load_lanes(b + stride, columns), 16));
}
// The words of 32 columns, of two rows in bfloat16.
struct WordPair {
  __m512i low;
  __m512i high;
};
OMNIGEN_KERNEL_INLINE WordPair word_pair(const float* b, int64_t /*stride*/) {
  return {_mm512_loadu_si512(b), _mm512_loadu_si512(b + kLanes)};
}
OMNIGEN_KERNEL_INLINE WordPair word_pair(const at::BFloat16* b, int64_t stride) {
  const __m512i low = _mm512_loadu_si512(b);
  const __m512i high = _mm512_loadu_si512(b + stride);
  // Column i of `low`, then of `high`: 16 columns a result.
  const __m512i columns =
      _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                       37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i next = _mm512_add_epi16(columns, _mm512_set1_epi16(16));
  return {_mm512_permutex2var_epi16(low, columns, high),
          _mm512_permutex2var_epi16(low, next, high)};
}

template <class T>
OMNIGEN_KERNEL_INLINE __m512i broadcast_word(const T* from) {
  int bits = 0;
  std::memcpy(&bits, from, sizeof bits);
  return _mm512_set1_epi32(bits);
}
// c + a · b, both words of k in bfloat16.
OMNIGEN_KERNEL_INLINE __m512 multiply_add(const float* /*type*/, __m512i a, __m512i b, __m512 c) {
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), c);
}
OMNIGEN_KERNEL_INLINE __m512 multiply_add(const at::BFloat16* /*type*/, __m512i a, __m512i b,
                                          __m512 c) {
  return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

}  // namespace omnigen::nn::gemm
