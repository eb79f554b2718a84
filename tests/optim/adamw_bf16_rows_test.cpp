#include "optim/adamw_bf16_rows.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>

#include "optim/adamw_bf16.h"
#include "support/tensor_near.h"
#include "util/seed_stream.h"

namespace omnigen::optim {
namespace {

constexpr uint64_t kKey = 0x0123456789abcdefULL;
constexpr AdamWBf16Options kOptions{};
constexpr double kRate = 1e-3;

// The 16 random bits of every element for one rounding, from the public Philox block by block.
at::Tensor philox_bits(int64_t count, Rounding rounding) {
  const at::Tensor bits = at::empty({count}, at::kInt);
  for (int64_t i = 0; i < count; ++i) {
    const auto counter = static_cast<uint32_t>(i / 32 * 16 + i % 16);
    const auto words = util::philox4x32(
        {counter, 0, 0, 0}, {static_cast<uint32_t>(kKey), static_cast<uint32_t>(kKey >> 32)});
    const size_t pair = i % 32 < 16 ? 0 : 2;
    const uint32_t word = words[rounding == Rounding::kShift ? pair + 1 : pair];
    const bool high = rounding == Rounding::kSecondMoment;
    bits.data_ptr<int32_t>()[i] = static_cast<int32_t>(high ? word >> 16 : word & 0xFFFFU);
  }
  return bits;
}

AdamWBf16Rows random_rows(int64_t count, at::ScalarType dtype) {
  auto generator = at::detail::createCPUGenerator(3);
  const auto draw = [&] { return at::randn({count}, generator).to(at::kBFloat16); };
  return {
      draw().to(dtype), at::randn({count}, generator), draw(), draw().abs(), draw() * 1e-3, kKey};
}

AdamWBf16Factors factors_of_step(int64_t step) {
  const double correction = std::sqrt(1.0 - std::pow(kOptions.beta2, static_cast<double>(step)));
  return {static_cast<float>(kOptions.beta1), static_cast<float>(kOptions.beta2),
          static_cast<float>(kOptions.eps), static_cast<float>(kRate * correction),
          static_cast<float>(kRate * kOptions.weight_decay)};
}

class AdamWBf16RowsTest : public ::testing::TestWithParam<at::ScalarType> {};

// Elements may differ where a float32 result differs in its last bit: then by one step of bfloat16.
TEST_P(AdamWBf16RowsTest, IsTheUpdateWithBitsOfPhilox) {
  for (const int64_t count : {1, 16, 33, 1000, 40000}) {
    SCOPED_TRACE(count);
    const AdamWBf16Rows rows = random_rows(count, GetParam());
    AdamWBf16State expected{rows.value.to(at::kBFloat16, false, true),
                            rows.exp_avg.clone(),
                            rows.exp_avg_sq.clone(),
                            rows.shift.clone(),
                            {}};
    adamw_bf16_update(expected, rows.gradient, kRate, 7, kOptions,
                      [&](Rounding rounding) { return philox_bits(count, rounding); });
    adamw_bf16_rows({rows}, factors_of_step(7));
    const std::array<std::pair<at::Tensor, at::Tensor>, 4> pairs = {
        {{rows.value, expected.parameter},
         {rows.exp_avg, expected.exp_avg},
         {rows.exp_avg_sq, expected.exp_avg_sq},
         {rows.shift, expected.shift}}};
    for (const auto& [actual, wanted] : pairs) {
      const at::Tensor wide = wanted.to(at::kFloat);
      const at::Tensor differs = actual.to(at::kFloat) != wide;
      EXPECT_LE(differs.to(at::kFloat).mean().item<double>(), 1e-3);
      EXPECT_TRUE(at::allclose(actual.to(at::kFloat), wide, /*rtol=*/8e-3, /*atol=*/1e-6));
    }
  }
}

TEST_P(AdamWBf16RowsTest, ThreadsDoNotChangeABit) {
  const auto after = [](int threads) {
    const AdamWBf16Rows rows = random_rows(100000, GetParam());
    const AdamWBf16Rows small = random_rows(10, GetParam());
    at::set_num_threads(threads);
    adamw_bf16_rows({small, rows}, factors_of_step(2));
    return at::cat({rows.value.to(at::kFloat), rows.shift.to(at::kFloat)});
  };
  const int threads = at::get_num_threads();
  const at::Tensor one = after(1);
  const at::Tensor two = after(2);
  at::set_num_threads(threads);
  EXPECT_TENSOR_EQ(one, two);
}

INSTANTIATE_TEST_SUITE_P(Weights, AdamWBf16RowsTest, ::testing::Values(at::kFloat, at::kBFloat16));

}  // namespace
}  // namespace omnigen::optim
