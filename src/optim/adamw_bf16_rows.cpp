#include "optim/adamw_bf16_rows.h"

#include "nn/simd.h"
#include "optim/tensor_parts.h"

namespace omnigen::optim {
namespace {

namespace simd = nn::simd;
using simd::kLanes;
using simd::Lanes;
using simd::UintLanes;
using WideLanes = uint64_t __attribute__((vector_size(128)));

// Elements that one call of Philox serves, two words each.
constexpr int64_t kGroup = 2 * kLanes;

struct Bits {
  UintLanes words[4];  // NOLINT(modernize-avoid-c-arrays): std::array loses the alignment
};

OMNIGEN_LANES_INLINE void multiply_wide(const UintLanes& x, uint32_t factor, UintLanes& high,
                                        UintLanes& low) {
  const WideLanes product = __builtin_convertvector(x, WideLanes) * factor;
  low = __builtin_convertvector(product, UintLanes);
  high = __builtin_convertvector(product >> 32, UintLanes);
}

// Philox4x32-10 of 16 counters from `first` on (util/seed_stream.h).
OMNIGEN_LANES_INLINE void philox(uint64_t key, uint64_t first, Bits& bits) {
  constexpr int kRounds = 10;
  auto key0 = static_cast<uint32_t>(key);
  auto key1 = static_cast<uint32_t>(key >> 32);
  UintLanes a{};
  for (uint32_t i = 0; i < kLanes; ++i) a[i] = static_cast<uint32_t>(first) + i;
  UintLanes b = UintLanes{} + static_cast<uint32_t>(first >> 32);
  UintLanes c{};
  UintLanes d{};
  for (int round = 0; round < kRounds; ++round) {
    UintLanes high_a{};
    UintLanes low_a{};
    UintLanes high_c{};
    UintLanes low_c{};
    multiply_wide(a, 0xD2511F53U, high_a, low_a);
    multiply_wide(c, 0xCD9E8D57U, high_c, low_c);
    a = high_c ^ b ^ key0;
    b = low_c;
    c = high_a ^ d ^ key1;
    d = low_a;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  bits.words[0] = a;
  bits.words[1] = b;
  bits.words[2] = c;
  bits.words[3] = d;
}

// Away from zero with the probability of the bits that bfloat16 does not hold; `random` below 2¹⁶.
OMNIGEN_LANES_INLINE void store_rounded(at::BFloat16* to, int64_t left, const Lanes& x,
                                        const UintLanes& random) {
  UintLanes bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + random) & 0xFFFF0000U;
  Lanes rounded;
  std::memcpy(&rounded, &bits, sizeof rounded);
  simd::store_upto(to, left, rounded);
}

template <class T>
struct Task {
  T* value;
  const float* gradient;
  at::BFloat16* exp_avg;
  at::BFloat16* exp_avg_sq;
  at::BFloat16* shift;
  float* average;  // null: none
  int64_t count;   // elements of this task
  uint64_t key;
  uint64_t group;  // of the first element
};

template <class T>
OMNIGEN_LANES_INLINE void update(const Task<T>& t, const AdamWBf16Factors& f, int64_t i,
                                 const UintLanes& low, const UintLanes& high) {
  const int64_t left = t.count - i;
  Lanes grad;
  Lanes first;
  Lanes second;
  Lanes before;
  Lanes rest;
  simd::load_upto(t.gradient + i, left, grad);
  simd::load_upto(t.exp_avg + i, left, first);
  simd::load_upto(t.exp_avg_sq + i, left, second);
  simd::load_upto(t.value + i, left, before);
  simd::load_upto(t.shift + i, left, rest);
  first += (grad - first) * (1.0F - f.beta1);
  second = second * f.beta2 + grad * grad * (1.0F - f.beta2);
  store_rounded(t.exp_avg + i, left, first, low & 0xFFFFU);
  store_rounded(t.exp_avg_sq + i, left, second, low >> 16);

  Lanes root{};
  for (int lane = 0; lane < kLanes; ++lane) root[lane] = __builtin_sqrtf(second[lane]);
  // `rest` is what the weight does not hold: summed apart, so that no small part is lost.
  rest -= first / (root + f.eps) * f.rate;
  rest -= before * f.decay;
  Lanes after = before + rest;
  simd::round_as(static_cast<const at::BFloat16*>(nullptr), after);
  rest += before - after;
  simd::store_upto(t.value + i, left, after);
  store_rounded(t.shift + i, left, rest, high & 0xFFFFU);
  if (t.average == nullptr) return;
  Lanes average;
  simd::load_upto(t.average + i, left, average);
  simd::store_upto(t.average + i, left, average - (average - after) * f.average_weight);
}

template <class T>
OMNIGEN_LANES_INLINE void update_all(const Task<T>& t, const AdamWBf16Factors& f) {
  for (int64_t i = 0; i < t.count; i += kGroup) {
    Bits bits;
    philox(t.key, (t.group + static_cast<uint64_t>(i / kGroup)) * kLanes, bits);
    update(t, f, i, bits.words[0], bits.words[1]);
    if (i + kLanes < t.count) update(t, f, i + kLanes, bits.words[2], bits.words[3]);
  }
}

OMNIGEN_SIMD void run(const Task<float>& t, const AdamWBf16Factors& f) {
  update_all(t, f);
}
OMNIGEN_SIMD void run(const Task<at::BFloat16>& t, const AdamWBf16Factors& f) {
  update_all(t, f);
}

template <class T>
void run_part(const AdamWBf16Rows& rows, int64_t begin, int64_t end, const AdamWBf16Factors& f) {
  const auto at = [&](const at::Tensor& tensor) { return tensor.data_ptr<at::BFloat16>() + begin; };
  float* average = rows.average.defined() ? rows.average.data_ptr<float>() + begin : nullptr;
  run(Task<T>{rows.value.data_ptr<T>() + begin, rows.gradient.const_data_ptr<float>() + begin,
              at(rows.exp_avg), at(rows.exp_avg_sq), at(rows.shift), average, end - begin, rows.key,
              static_cast<uint64_t>(begin / kGroup)},
      f);
}

}  // namespace

bool has_adamw_bf16_rows(const AdamWBf16Rows& rows) {
  const bool known =
      rows.value.scalar_type() == at::kFloat || rows.value.scalar_type() == at::kBFloat16;
  const bool average_fits = !rows.average.defined() || rows.average.is_contiguous();
  return known && average_fits && rows.value.is_cpu() && rows.value.is_contiguous() &&
         rows.gradient.is_contiguous() && rows.gradient.scalar_type() == at::kFloat;
}

void adamw_bf16_rows(const std::vector<AdamWBf16Rows>& tensors, const AdamWBf16Factors& factors) {
  std::vector<int64_t> sizes;
  sizes.reserve(tensors.size());
  for (const AdamWBf16Rows& rows : tensors) sizes.push_back(rows.value.numel());
  // Parts begin at whole groups.
  for_each_part(sizes, [&](size_t i, int64_t begin, int64_t end) {
    if (tensors[i].value.scalar_type() == at::kFloat) {
      run_part<float>(tensors[i], begin, end, factors);
    } else {
      run_part<at::BFloat16>(tensors[i], begin, end, factors);
    }
  });
}

}  // namespace omnigen::optim
