// A token's columns stay in registers for all rows of the matrix; nothing is packed.
#include "nn/gemm_tokens.h"

// Elsewhere than on x86: gemm_absent.cpp.
#if defined(__x86_64__)
#include <algorithm>

#include "nn/gemm_lanes.h"

namespace omnigen::nn::gemm {
namespace {

// Of a token's rows, so that a column's words stay in registers.
template <class T>
constexpr int64_t kMostWords = 16 / kInWord<T>;
// Vectors of 16 columns at a time.
template <class T>
constexpr int64_t kVectors = kInWord<T>;

template <class T>
struct Mix {
  Left<T> a;
  int64_t m;
  TokenRows<T> x;
  Output<T> out;
};

OMNIGEN_KERNEL_INLINE void finish_pair(at::BFloat16* to, bool add, __m512 low, __m512 high) {
  if (add) {
    low = _mm512_add_ps(low, load_floats(to, kLanes));
    high = _mm512_add_ps(high, load_floats(to + kLanes, kLanes));
  }
  _mm512_storeu_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
}

template <int64_t kWords, int64_t kWide>
struct Columns {
  __m512i words[kWords][kWide];  // NOLINT(modernize-avoid-c-arrays)
};

// A token's columns from `x` on, 16 for each of kWide vectors; a single vector may have fewer.
template <class T, int64_t kWords, int64_t kWide>
OMNIGEN_KERNEL_INLINE void load_columns(const TokenRows<T>& token, const T* x, int64_t left,
                                        Columns<kWords, kWide>& into) {
#pragma GCC unroll 16
  for (int64_t word = 0; word < kWords; ++word) {
    const T* row = x + word * kInWord<T> * token.columns;
    const int64_t rows = token.rows - word * kInWord<T>;
    auto& words = into.words[word];
    words[0] = word_lanes(row, token.columns, rows, left);
    if constexpr (kWide == 2) {
      if (rows < kInWord<T>) {
        words[1] = word_lanes(row + kLanes, token.columns, rows, left - kLanes);
      } else {
        const auto [low, high] = word_pair(row, token.columns);
        words[0] = low;
        words[1] = high;
      }
    }
  }
}

// One row of `a` times the columns. Rows do not wait for each other: the processor overlaps them.
template <class T, int64_t kWords, int64_t kWide>
OMNIGEN_KERNEL_INLINE void mix_row(const Left<T>& a, const T* row,
                                   const Columns<kWords, kWide>& columns, T* to, int64_t left,
                                   bool add) {
  __m512 sums[kWide];  // NOLINT(modernize-avoid-c-arrays)
#pragma GCC unroll 2
  for (int64_t v = 0; v < kWide; ++v) sums[v] = _mm512_setzero_ps();
#pragma GCC unroll 16
  for (int64_t word = 0; word < kWords; ++word) {
    const __m512i factor = broadcast_word(row + word * a.word);
#pragma GCC unroll 2
    for (int64_t v = 0; v < kWide; ++v) {
      sums[v] = multiply_add(row, factor, columns.words[word][v], sums[v]);
    }
  }
  if constexpr (kWide == 2) {
    finish_pair(to, add, sums[0], sums[1]);
  } else {
    store_floats(to, left, add ? _mm512_add_ps(sums[0], load_floats(to, left)) : sums[0]);
  }
}

template <class T, int64_t kWords, int64_t kWide>
OMNIGEN_KERNEL_INLINE void mix_columns(const Mix<T>& o, const T* x, T* out, int64_t left) {
  Columns<kWords, kWide> columns;
  load_columns(o.x, x, left, columns);
  for (int64_t row = 0; row < o.m; ++row) {
    mix_row(o.a, o.a.data + row * o.a.row, columns, out + row * o.out.rows.stride, left,
            o.out.into == Into::kAdd);
  }
}

template <class T, int64_t kWords>
OMNIGEN_KERNEL void mix(const Mix<T>& o) {
  for (int64_t token = 0; token < o.x.tokens; ++token) {
    const T* x = o.x.data + token * o.x.rows * o.x.columns;
    T* out = o.out.rows.data + token * o.m * o.out.rows.stride;
    int64_t column = 0;
    for (; column + kVectors<T> * kLanes <= o.x.columns; column += kVectors<T> * kLanes) {
      mix_columns<T, kWords, kVectors<T>>(o, x + column, out + column, o.x.columns - column);
    }
    for (; column < o.x.columns; column += kLanes) {
      mix_columns<T, kWords, 1>(o, x + column, out + column, o.x.columns - column);
    }
  }
}

// The one of kWords, kWords - 1, ... 1 that there are.
template <class T, int64_t kWords>
void mix_of_words(const Mix<T>& o, int64_t words) {
  if constexpr (kWords > 0) {
    if (words == kWords) {
      mix<T, kWords>(o);
    } else {
      mix_of_words<T, kWords - 1>(o, words);
    }
  }
}

// Of a block of the sums.
constexpr int64_t kSide = 4;
struct Block {
  __m512 sums[kSide][kSide];  // NOLINT(modernize-avoid-c-arrays)
};

// The block += words of rows of y times words of rows of x, lane by lane.
template <class T>
OMNIGEN_KERNEL_INLINE void add_words(const T* const* y, const T* const* x, int64_t at, int64_t left,
                                     Block& block) {
  __m512i right[kSide];  // NOLINT(modernize-avoid-c-arrays)
#pragma GCC unroll 4
  for (int64_t j = 0; j < kSide; ++j) right[j] = load_words(x[j] + at, left);
#pragma GCC unroll 4
  for (int64_t i = 0; i < kSide; ++i) {
    const __m512i factor = load_words(y[i] + at, left);
#pragma GCC unroll 4
    for (int64_t j = 0; j < kSide; ++j) {
      block.sums[i][j] = multiply_add(y[i], factor, right[j], block.sums[i][j]);
    }
  }
}

// Rows of a token from `first` on; behind the last one that one again, whose sums are not stored.
template <class T>
OMNIGEN_KERNEL_INLINE void rows_from(const TokenRows<T>& x, int64_t first, const T** rows) {
#pragma GCC unroll 4
  for (int64_t i = 0; i < kSide; ++i) {
    rows[i] = x.data + std::min(first + i, x.rows - 1) * x.columns;
  }
}

// sums [kSide, kSide] += Σ y · xᵀ of rows from `row` and `column` on.
template <class T>
OMNIGEN_KERNEL void add_products(const TokenRows<T>& y, const TokenRows<T>& x, int64_t row,
                                 int64_t column, const Rows<float>& to) {
  constexpr int64_t kStep = kLanes * kInWord<T>;
  Block block{};
  const T* y_rows[kSide];  // NOLINT(modernize-avoid-c-arrays)
  const T* x_rows[kSide];  // NOLINT(modernize-avoid-c-arrays)
  rows_from(y, row, y_rows);
  rows_from(x, column, x_rows);
  for (int64_t token = 0; token < y.tokens; ++token) {
    for (int64_t k = 0; k < x.columns; k += kStep) {
      add_words<T>(y_rows, x_rows, k, x.columns - k, block);
    }
#pragma GCC unroll 4
    for (int64_t i = 0; i < kSide; ++i) {
      y_rows[i] += y.rows * y.columns;
      x_rows[i] += x.rows * x.columns;
    }
  }
#pragma GCC unroll 4
  for (int64_t i = 0; i < kSide; ++i) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < kSide; ++j) {
      if (row + i >= y.rows || column + j >= x.rows) continue;
      to.data[(row + i) * to.stride + column + j] += _mm512_reduce_add_ps(block.sums[i][j]);
    }
  }
}

}  // namespace

template <class T>
void multiply_tokens(const Left<T>& a, int64_t m, const TokenRows<T>& x, const Output<T>& out,
                     uint32_t* words) {
  if (words_of<T>(x.rows) <= kMostWords<T>) {
    return mix_of_words<T, kMostWords<T>>(Mix<T>{a, m, x, out}, words_of<T>(x.rows));
  }
  for (int64_t token = 0; token < x.tokens; ++token) {
    const Rows<const T> rows{x.data + token * x.rows * x.columns, x.columns};
    T* to = out.rows.data + token * m * out.rows.stride;
    multiply_to(a, m, pack(rows, x.rows, x.columns, words), {},
                Output<T>{{to, out.rows.stride}, out.into});
  }
}

template <class T>
void add_token_products(const TokenRows<T>& y, const TokenRows<T>& x, Rows<float> sums) {
  for (int64_t row = 0; row < y.rows; row += kSide) {
    for (int64_t column = 0; column < x.rows; column += kSide) {
      add_products(y, x, row, column, sums);
    }
  }
}

template void multiply_tokens(const Left<float>&, int64_t, const TokenRows<float>&,
                              const Output<float>&, uint32_t*);
template void multiply_tokens(const Left<at::BFloat16>&, int64_t, const TokenRows<at::BFloat16>&,
                              const Output<at::BFloat16>&, uint32_t*);
template void add_token_products(const TokenRows<float>&, const TokenRows<float>&, Rows<float>);
template void add_token_products(const TokenRows<at::BFloat16>&, const TokenRows<at::BFloat16>&,
                                 Rows<float>);

}  // namespace omnigen::nn::gemm

#endif
