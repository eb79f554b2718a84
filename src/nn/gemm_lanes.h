// What the files of nn/gemm.h share: how its kernels are compiled, lanes of 32 bits, and where the
// panels of the right matrix lie. x86 only.
#pragma once

#include <immintrin.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdint>

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

}  // namespace omnigen::nn::gemm
