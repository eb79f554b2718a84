#include "nn/gemm.h"

// Elsewhere than on x86: gemm_absent.cpp.
#if defined(__x86_64__)
#include <cpuid.h>

#include <algorithm>
#include <type_traits>

#include "nn/gemm_lanes.h"

namespace omnigen::nn::gemm {
namespace {

bool enabled = true;

// Words of k that a tile goes through at a time: a panel's part then stays in the second-level
// cache.
constexpr int64_t kBlockWords = 512;
// Sums of a tile, in registers of 16 lanes; of the 32 there are, a row of b and a word of a take
// up to 5.
constexpr int kTileRegisters = 24;

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
  bool add;          // to what is in c
  T* out = nullptr;  // null: the sums go to c
  int64_t out_stride = 0;
  int64_t out_columns = 0;  // from the panel's first on
  bool out_add = false;
};

// A vector of sums into out.
template <class T>
OMNIGEN_KERNEL_INLINE void finish(const TileOperands<T>& o, int64_t row, int64_t column,
                                  __m512 sum) {
  const int64_t left = o.out_columns - column;
  T* to = o.out + row * o.out_stride + column;
  if (o.out_add) sum = _mm512_add_ps(sum, load_floats(to, left));
  store_floats(to, left, sum);
}

template <class T, int kRows, int kVectors>
OMNIGEN_KERNEL_INLINE void multiply_tile(const TileOperands<T>& o, int64_t first_row) {
  __m512 sums[kRows][kVectors];             // NOLINT(modernize-avoid-c-arrays)
  float* c = o.c + first_row * o.c_stride;  // read or written only where there is one
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
      const __m512i factor = broadcast_word(a + r * row);
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = multiply_add(a, factor, columns[v], sums[r][v]);
      }
    }
    a += o.a_word;
    b += kVectors * kLanes;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      if (o.out != nullptr) {
        finish(o, first_row + r, v * kLanes, sums[r][v]);
      } else {
        _mm512_storeu_ps(c + r * o.c_stride + v * kLanes, sums[r][v]);
      }
    }
  }
}

// Goes through lines of memory, some at a time.
class Fetcher {
 public:
  explicit Fetcher(const Ahead& ahead) : ahead_(ahead) {}

  [[nodiscard]] int64_t lines() const { return ahead_.rows * ((ahead_.bytes + kLine - 1) / kLine); }
  void fetch(int64_t lines) {
    for (; lines > 0 && row_ < ahead_.rows; --lines) {
      _mm_prefetch(ahead_.data + row_ * ahead_.stride + at_, _MM_HINT_T1);
      at_ += kLine;
      if (at_ < ahead_.bytes) continue;
      at_ = 0;
      ++row_;
    }
  }

 private:
  static constexpr int64_t kLine = 64;
  Ahead ahead_;
  int64_t row_ = 0;
  int64_t at_ = 0;
};

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
OMNIGEN_KERNEL void multiply_panel(const TileOperands<T>& o, int64_t rows, Fetcher& fetcher) {
  constexpr int kRows = std::min(kTileRegisters / kVectors, 12);
  const int64_t lines = fetcher.lines() / std::max<int64_t>(1, rows / kRows) + 1;
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    multiply_tile<T, kRows, kVectors>(o, row);
    fetcher.fetch(lines);
  }
  multiply_rest<T, kRows - 1, kVectors>(o, row, rows - row);
}

template <class T>
void multiply_panel(const TileOperands<T>& o, int64_t rows, int64_t vectors, Fetcher fetcher) {
  switch (vectors) {
    case 1:
      return multiply_panel<T, 1>(o, rows, fetcher);
    case 2:
      return multiply_panel<T, 2>(o, rows, fetcher);
    case 3:
      return multiply_panel<T, 3>(o, rows, fetcher);
    default:
      return multiply_panel<T, 4>(o, rows, fetcher);
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
void multiply(const Left<T>& a, int64_t m, const Right& b, Rows<float> c, Into into,
              const Ahead& ahead) {
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
          m, panel.vectors, Fetcher(i == 0 && word == 0 ? ahead : Ahead{}));
    }
  }
}

template <class T>
void multiply_to(const Left<T>& a, int64_t m, const Right& b, Rows<float> c, const Output<T>& out,
                 const Ahead& ahead) {
  for (int64_t i = 0; i < num_panels(b.packed_n); ++i) {
    const Panel panel = panel_at(i, b.packed_n);
    const int64_t column = panel.first * kLanes;
    if (column >= b.n) return;
    multiply_panel(
        TileOperands<T>{a.data, a.row, a.word, b.words + words_of<T>(b.packed_k) * column,
                        words_of<T>(b.k), c.data == nullptr ? nullptr : c.data + column, c.stride,
                        c.data != nullptr, out.rows.data + column, out.rows.stride, b.n - column,
                        out.into == Into::kAdd},
        m, panel.vectors, Fetcher(i == 0 ? ahead : Ahead{}));
  }
}

template <class T>
void store(Rows<const float> c, int64_t m, int64_t n, Rows<T> out, Into into) {
  store_rows(c, m, n, out, into == Into::kAdd);
}

void set_enabled(bool on) {
  enabled = on;
}

template void multiply(const Left<float>&, int64_t, const Right&, Rows<float>, Into, const Ahead&);
template void multiply(const Left<at::BFloat16>&, int64_t, const Right&, Rows<float>, Into,
                       const Ahead&);
template void multiply_to(const Left<float>&, int64_t, const Right&, Rows<float>,
                          const Output<float>&, const Ahead&);
template void multiply_to(const Left<at::BFloat16>&, int64_t, const Right&, Rows<float>,
                          const Output<at::BFloat16>&, const Ahead&);
template void store(Rows<const float>, int64_t, int64_t, Rows<float>, Into);
template void store(Rows<const float>, int64_t, int64_t, Rows<at::BFloat16>, Into);

}  // namespace omnigen::nn::gemm

#endif
