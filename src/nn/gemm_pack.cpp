// The two matrices of a product in the order in which its tiles read them.
#include "nn/gemm.h"

// Elsewhere than on x86: gemm_absent.cpp.
#if defined(__x86_64__)
#include <algorithm>

#include "nn/gemm_lanes.h"

namespace omnigen::nn::gemm {
namespace {

struct Square {
  __m512i rows[kLanes];  // NOLINT(modernize-avoid-c-arrays): std::array loses its alignment
};

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
      const auto [low, high] = word_pair(at + column, b.stride);
      _mm512_storeu_si512(words + column, low);
      _mm512_storeu_si512(words + column + kLanes, high);
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

}  // namespace

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

template Right pack(Rows<const float>, int64_t, int64_t, uint32_t*);
template Right pack(Rows<const at::BFloat16>, int64_t, int64_t, uint32_t*);
template Right pack_transposed(Rows<const float>, int64_t, int64_t, uint32_t*);
template Right pack_transposed(Rows<const at::BFloat16>, int64_t, int64_t, uint32_t*);
template Left<float> pack_left_transposed(Rows<const float>, int64_t, int64_t, uint32_t*);
template Left<at::BFloat16> pack_left_transposed(Rows<const at::BFloat16>, int64_t, int64_t,
                                                 uint32_t*);

}  // namespace omnigen::nn::gemm

#endif
