// Matrix products with float32 sums for matrices that a library call is too clumsy for: heads of
// attention, LoKr's factors, and the frozen weights themselves where this beats the library.
//
// c = a · b as in BLIS: b is packed into panels of up to 64 columns, and a tile of c stays in
// registers while it goes through them. An element's sum is formed in the order of k alone: it does
// not depend on its neighbours, the number of rows, threads or addresses.
//
// Below, T is float or at::BFloat16, and a word 32 bits: one float, or two bfloat16 of neighbouring
// k. Strides count elements of T.
//
// Source: Van Zee, van de Geijn, "BLIS", doi:10.1145/2764454; AVX512_BF16's VDPBF16PS.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace omnigen::nn::gemm {

// Whether the functions below run here and are the fastest: on processors with AVX512_BF16, for
// bfloat16 unless there is AMX, which oneDNN uses. Elsewhere they must not be called.
bool is_fast(at::ScalarType dtype);
// With false is_fast() is false: what other processors do, for tests. No work may be under way.
void set_enabled(bool enabled);

constexpr int64_t kLanes = 16;
constexpr int64_t kMaxPanelColumns = 4 * kLanes;

// n rounded up to whole lanes.
constexpr int64_t padded_columns(int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

template <class T>
inline constexpr auto kInWord = static_cast<int64_t>(sizeof(uint32_t) / sizeof(T));

template <class T>
constexpr int64_t words_of(int64_t k) {
  return (k + kInWord<T> - 1) / kInWord<T>;
}

// The left matrix [m, k]. Words of a row need not lie side by side. What shares a word with the
// last k of a row is multiplied by zero; it must be finite and readable.
template <class T>
struct Left {
  const T* data = nullptr;
  int64_t row = 0;            // from a row to the next
  int64_t word = kInWord<T>;  // from a word to the next
};

// Rows of a matrix, `stride` apart.
template <class T>
struct Rows {
  T* data = nullptr;
  int64_t stride = 0;
};

// The right matrix [k, n], packed.
struct Right {
  const uint32_t* words = nullptr;
  int64_t k = 0;
  int64_t n = 0;
  int64_t packed_k = 0;
  int64_t packed_n = 0;

  // Its first rows and columns.
  [[nodiscard]] Right first(int64_t rows, int64_t columns) const {
    return {words, rows, columns, packed_k, packed_n};
  }
};

template <class T>
int64_t packed_words(int64_t k, int64_t n) {
  return words_of<T>(k) * padded_columns(n);
}
// From b [k, n] as it stands, and from b [n, k].
template <class T>
Right pack(Rows<const T> b, int64_t k, int64_t n, uint32_t* words);
template <class T>
Right pack_transposed(Rows<const T> b, int64_t k, int64_t n, uint32_t* words);
// The left matrix bᵀ [n, k] of b [k, n]; `words` as many as packed_words().
template <class T>
Left<T> pack_left_transposed(Rows<const T> b, int64_t k, int64_t n, uint32_t* words);

enum class Into { kReplace, kAdd };

// Memory that will be packed next: fetched into the second-level cache while a product is computed,
// which leaves the way to memory idle. Rows `stride` bytes apart.
struct Ahead {
  const char* data = nullptr;
  int64_t rows = 0;
  int64_t bytes = 0;  // of a row
  int64_t stride = 0;
};

// c = a · b or c += a · b. c [m, padded_columns(b.packed_n)]: columns up to the end of the panel of
// b's last one are written.
template <class T>
void multiply(const Left<T>& a, int64_t m, const Right& b, Rows<float> c, Into into,
              const Ahead& ahead = {});

// Where a product goes, rounded once. Shapes: [m, b.n].
template <class T>
struct Output {
  Rows<T> rows;
  Into into = Into::kReplace;
};

// out = c + a · b or out += c + a · b; `c` as above, without data: zeros. The sums stay in
// registers.
template <class T>
void multiply_to(const Left<T>& a, int64_t m, const Right& b, Rows<float> c, const Output<T>& out,
                 const Ahead& ahead = {});

// out = c or out += c, rounded once. Shapes: [m, n].
template <class T>
void store(Rows<const float> c, int64_t m, int64_t n, Rows<T> out, Into into);

// Memory for words and sums, aligned to cache lines, not initialised.
template <class U>
class Buffer {
 public:
  explicit Buffer(int64_t count)
      : bytes_(at::empty({count * static_cast<int64_t>(sizeof(U))},
                         at::TensorOptions().dtype(at::kByte))),
        data_(reinterpret_cast<U*>(bytes_.data_ptr<uint8_t>())) {}
  [[nodiscard]] U* data() const { return data_; }

 private:
  at::Tensor bytes_;
  U* data_;
};

}  // namespace omnigen::nn::gemm
