#include "nn/gemm.h"

// Elsewhere than on x86: gemm_absent.cpp.
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

// GCC 12's own intrinsics start from registers that they leave undefined on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define OMNIGEN_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"
#define OMNIGEN_KERNEL __attribute__((target(OMNIGEN_TARGET), optimize("O3")))
#define OMNIGEN_KERNEL_INLINE \
  __attribute__((target(OMNIGEN_TARGET), optimize("O3"), always_inline)) inline

namespace omnigen::nn::gemm {
namespace {

bool enabled = true;

constexpr int64_t kMaxVectors = kMaxPanelColumns / kLanes;
// Words of k that a tile goes through at a time: a panel's part then stays in the second-level
// cache.
constexpr int64_t kBlockWords = 512;
// Sums of a tile, in registers of 16 lanes; of the 32 there are, a row of b and a word of a take
// up to 5.
constexpr int kTileRegisters = 24;

struct Square {
  __m512i rows[kLanes];  // NOLINT(modernize-avoid-c-arrays): std::array loses its alignment
};

struct Panel {
  int64_t first = 0;  // in vectors of 16 columns
  int64_t vectors = 0;
};

int64_t num_panels(int64_t n) {
  return (padded_columns(n) + kMaxPanelColumns - 1) / kMaxPanelColumns;
}
// Panels are of equal width, but for one vector.
Panel panel_at(int64_t index, int64_t n) {
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

OMNIGEN_KERNEL_INLINE __m512 multiply_add(const float* /*type*/, __m512i a, __m512i b, __m512 c) {
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), c);
}
OMNIGEN_KERNEL_INLINE __m512 multiply_add(const at::BFloat16* /*type*/, __m512i a, __m512i b,
                                          __m512 c) {
  return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

// What all tiles of a panel's block share.
template <class T>
struct TileOperands {
  const T* a;
  int64_t a_row;
  int64_t a_word;
  const uint32_t* b;
  int64_t words;
  float* c;
  int64_t c_stride;
  bool add;
};

template <class T, int kRows, int kVectors>
OMNIGEN_KERNEL_INLINE void multiply_tile(const TileOperands<T>& o, int64_t first_row) {
  __m512 sums[kRows][kVectors];  // NOLINT(modernize-avoid-c-arrays)
  float* c = o.c + first_row * o.c_stride;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = o.add ? _mm512_loadu_ps(c + r * o.c_stride + v * kLanes) : _mm512_setzero_ps();
    }
  }
  const T* a = o.a + first_row * o.a_row;
  const uint32_t* b = o.b;
  const int64_t row = o.a_row;
  for (int64_t word = 0; word < o.words; ++word) {
    __m512i columns[kVectors];  // NOLINT(modernize-avoid-c-arrays)
    for (int v = 0; v < kVectors; ++v) columns[v] = _mm512_loadu_si512(b + v * kLanes);
    for (int r = 0; r < kRows; ++r) {
      int bits = 0;
      std::memcpy(&bits, a + r * row, sizeof bits);
      const __m512i factor = _mm512_set1_epi32(bits);
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = multiply_add(a, factor, columns[v], sums[r][v]);
      }
    }
    a += o.a_word;
    b += kVectors * kLanes;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(c + r * o.c_stride + v * kLanes, sums[r][v]);
    }
  }
}

// The last rows, fewer than a tile's.
template <class T, int kRows, int kVectors>
OMNIGEN_KERNEL void multiply_rest(const TileOperands<T>& o, int64_t first_row, int64_t rows) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      multiply_tile<T, kRows, kVectors>(o, first_row);
    } else {
      multiply_rest<T, kRows - 1, kVectors>(o, first_row, rows);
    }
  }
}

template <class T, int kVectors>
OMNIGEN_KERNEL void multiply_panel(const TileOperands<T>& o, int64_t rows) {
  constexpr int kRows = std::min(kTileRegisters / kVectors, 12);
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) multiply_tile<T, kRows, kVectors>(o, row);
  multiply_rest<T, kRows - 1, kVectors>(o, row, rows - row);
}

template <class T>
void multiply_panel(const TileOperands<T>& o, int64_t rows, int64_t vectors) {
  switch (vectors) {
    case 1:
      return multiply_panel<T, 1>(o, rows);
    case 2:
      return multiply_panel<T, 2>(o, rows);
    case 3:
      return multiply_panel<T, 3>(o, rows);
    default:
      return multiply_panel<T, 4>(o, rows);
  }
}

// A word row of 16 columns: row `k` of b, beside it row k + 1 in bfloat16.
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

// Two word rows of 16 columns from two rows of b.
OMNIGEN_KERNEL_INLINE void store_word_pair(const at::BFloat16* b, int64_t stride, uint32_t* words) {
  const __m512i low = _mm512_loadu_si512(b);
  const __m512i high = _mm512_loadu_si512(b + stride);
  // Column i of `low`, then of `high`: 16 columns a result.
  const __m512i columns =
      _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                       37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i next = _mm512_add_epi16(columns, _mm512_set1_epi16(16));
  _mm512_storeu_si512(words, _mm512_permutex2var_epi16(low, columns, high));
  _mm512_storeu_si512(words + kLanes, _mm512_permutex2var_epi16(low, next, high));
}
OMNIGEN_KERNEL_INLINE void store_word_pair(const float* b, int64_t /*stride*/, uint32_t* words) {
  _mm512_storeu_si512(words, _mm512_loadu_si512(b));
  _mm512_storeu_si512(words + kLanes, _mm512_loadu_si512(b + kLanes));
}

// Words of columns [first, first + 16 · vectors), `words` of k a column.
template <class T>
OMNIGEN_KERNEL void pack_panel(Rows<const T> b, int64_t k, int64_t n, Panel panel,
                               uint32_t* words) {
  // Rows lie pages apart, where the processor does not look ahead.
  constexpr int64_t kAhead = 16;
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t row = 0; row < k; row += kInWord<T>) {
    for (int64_t ahead = kAhead; ahead < kAhead + kInWord<T> && row + ahead < k; ++ahead) {
      const T* first = b.data + (row + ahead) * b.stride + panel.first * kLanes;
      for (int64_t c = 0; c < panel.vectors * kLanes; c += kLine) {
        _mm_prefetch(reinterpret_cast<const char*>(first + c), _MM_HINT_T0);
      }
    }
    const T* at = b.data + row * b.stride + panel.first * kLanes;
    const int64_t whole = row + kInWord<T> <= k ? n - panel.first * kLanes : 0;
    int64_t column = 0;
    for (; column + 2 * kLanes <= std::min(whole, panel.vectors * kLanes); column += 2 * kLanes) {
      store_word_pair(at + column, b.stride, words + column);
    }
    for (; column < panel.vectors * kLanes; column += kLanes) {
      _mm512_storeu_si512(words + column, word_lanes(at + column, b.stride, k - row,
                                                     n - panel.first * kLanes - column));
    }
    words += panel.vectors * kLanes;
  }
}

// 16 rows of 16 words to 16 columns.
OMNIGEN_KERNEL_INLINE void transpose(Square& square) {
  __m512i* x = square.rows;
  Square result;
  __m512i* y = result.rows;
  for (size_t i = 0; i < 16; i += 2) {
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (size_t i = 0; i < 16; i += 4) {
    x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
    x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
    x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
  }
  constexpr int kEven = 0x88;  // of the four quarters of each side
  constexpr int kOdd = 0xdd;
  for (size_t j = 0; j < 4; ++j) {
    const __m512i low_even = _mm512_shuffle_i32x4(x[j], x[4 + j], kEven);
    const __m512i low_odd = _mm512_shuffle_i32x4(x[j], x[4 + j], kOdd);
    const __m512i high_even = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], kEven);
    const __m512i high_odd = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], kOdd);
    y[j] = _mm512_shuffle_i32x4(low_even, high_even, kEven);
    y[4 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, kEven);
    y[8 + j] = _mm512_shuffle_i32x4(low_even, high_even, kOdd);
    y[12 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, kOdd);
  }
  square = result;
}

// Up to 16 words of a row of k's; `left` elements are left of it.
OMNIGEN_KERNEL_INLINE __m512i load_words(const float* from, int64_t left) {
  return _mm512_maskz_loadu_epi32(first_lanes(left), from);
}
OMNIGEN_KERNEL_INLINE __m512i load_words(const at::BFloat16* from, int64_t left) {
  const __mmask32 mask = left >= 32 ? 0xffffffffU : (1U << left) - 1U;
  return _mm512_maskz_loadu_epi16(mask, from);
}

template <class T>
OMNIGEN_KERNEL void pack_panel_transposed(Rows<const T> b, int64_t k, int64_t n, Panel panel,
                                          uint32_t* words) {
  const int64_t num_words = words_of<T>(k);
  for (int64_t v = 0; v < panel.vectors; ++v) {
    const int64_t column = (panel.first + v) * kLanes;
    const int64_t columns = std::min(kLanes, n - column);
    for (int64_t word = 0; word < num_words; word += kLanes) {
      Square square;
      for (int64_t i = 0; i < kLanes; ++i) {
        square.rows[i] = i < columns
                             ? load_words(b.data + (column + i) * b.stride + word * kInWord<T>,
                                          k - word * kInWord<T>)
                             : _mm512_setzero_si512();
      }
      transpose(square);
      uint32_t* to = words + (word * panel.vectors + v) * kLanes;
      const int64_t rows = std::min(kLanes, num_words - word);
      for (int64_t i = 0; i < rows; ++i) {
        _mm512_storeu_si512(to + i * panel.vectors * kLanes, square.rows[i]);
      }
    }
  }
}

template <class T>
OMNIGEN_KERNEL void store_rows(Rows<const float> c, int64_t m, int64_t n, Rows<T> out, bool add) {
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t column = 0; column < n; column += kLanes) {
      const int64_t left = n - column;
      T* to = out.data + row * out.stride + column;
      __m512 x = _mm512_loadu_ps(c.data + row * c.stride + column);
      if (add) x = _mm512_add_ps(x, load_floats(to, left));
      store_floats(to, left, x);
    }
  }
}

// CPUID's leaf 7: tiles with bfloat16 products.
bool has_amx_bf16() {
  constexpr unsigned kBit = 1U << 22;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kBit) != 0;
}

}  // namespace

bool is_fast(at::ScalarType dtype) {
  static const bool wide = __builtin_cpu_supports("avx512f") &&
                           __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  static const bool dots = wide && __builtin_cpu_supports("avx512bf16");
  static const bool tiles = has_amx_bf16();
  if (!enabled || !dots) return false;
  return dtype == at::kFloat || (dtype == at::kBFloat16 && !tiles);
}

template <class T>
Right pack(Rows<const T> b, int64_t k, int64_t n, uint32_t* words) {
  for (int64_t i = 0; i < num_panels(n); ++i) {
    const Panel panel = panel_at(i, n);
    pack_panel(b, k, n, panel, words + words_of<T>(k) * panel.first * kLanes);
  }
  return {words, k, n, k, n};
}

template <class T>
Right pack_transposed(Rows<const T> b, int64_t k, int64_t n, uint32_t* words) {
  for (int64_t i = 0; i < num_panels(n); ++i) {
    const Panel panel = panel_at(i, n);
    pack_panel_transposed(b, k, n, panel, words + words_of<T>(k) * panel.first * kLanes);
  }
  return {words, k, n, k, n};
}

template <class T>
Left<T> pack_left_transposed(Rows<const T> b, int64_t k, int64_t n, uint32_t* words) {
  const int64_t columns = padded_columns(n);
  pack_panel(b, k, n, {0, columns / kLanes}, words);
  return {reinterpret_cast<const T*>(words), kInWord<T>, columns * kInWord<T>};
}

template <class T>
void multiply(const Left<T>& a, int64_t m, const Right& b, Rows<float> c, Into into) {
  const int64_t words = words_of<T>(b.k);
  for (int64_t i = 0; i < num_panels(b.packed_n); ++i) {
    const Panel panel = panel_at(i, b.packed_n);
    if (panel.first * kLanes >= b.n) return;
    const uint32_t* packed = b.words + words_of<T>(b.packed_k) * panel.first * kLanes;
    for (int64_t word = 0; word < words; word += kBlockWords) {
      multiply_panel(
          TileOperands<T>{a.data + word * a.word, a.row, a.word,
                          packed + word * panel.vectors * kLanes,
                          std::min(kBlockWords, words - word), c.data + panel.first * kLanes,
                          c.stride, into == Into::kAdd || word > 0},
          m, panel.vectors);
    }
  }
}

template <class T>
void store(Rows<const float> c, int64_t m, int64_t n, Rows<T> out, Into into) {
  store_rows(c, m, n, out, into == Into::kAdd);
}

void set_enabled(bool on) {
  enabled = on;
}

template Right pack(Rows<const float>, int64_t, int64_t, uint32_t*);
template Right pack(Rows<const at::BFloat16>, int64_t, int64_t, uint32_t*);
template Right pack_transposed(Rows<const float>, int64_t, int64_t, uint32_t*);
template Right pack_transposed(Rows<const at::BFloat16>, int64_t, int64_t, uint32_t*);
template Left<float> pack_left_transposed(Rows<const float>, int64_t, int64_t, uint32_t*);
template Left<at::BFloat16> pack_left_transposed(Rows<const at::BFloat16>, int64_t, int64_t,
                                                 uint32_t*);
template void multiply(const Left<float>&, int64_t, const Right&, Rows<float>, Into);
template void multiply(const Left<at::BFloat16>&, int64_t, const Right&, Rows<float>, Into);
template void store(Rows<const float>, int64_t, int64_t, Rows<float>, Into);
template void store(Rows<const float>, int64_t, int64_t, Rows<at::BFloat16>, Into);

}  // namespace omnigen::nn::gemm

#endif
