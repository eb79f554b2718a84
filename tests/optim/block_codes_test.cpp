#include "optim/block_codes.h"

#include <gtest/gtest.h>

#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

using Range = BlockCodebook::Range;

BlockCodes encoded(const BlockCodebook& codebook, const at::Tensor& values) {
  BlockCodes codes = codebook.zeros(values.sizes());
  codebook.encode(values, codes);
  return codes;
}

// Entries named by the specification.
TEST(BlockCodes, SignedMapIsTheSpecifications) {
  const at::Tensor map = BlockCodebook(Range::kSigned, at::kCPU).map();
  ASSERT_EQ(map.numel(), 256);
  const std::pair<int, double> entries[] = {
      {0, -0.99296874}, {1, -0.97890621}, {126, -5.5e-7},    {127, 0.0},        {128, 5.5e-7},
      {129, 3.25e-6},   {131, 2.125e-5},  {192, 0.12109375}, {254, 0.99296874}, {255, 1.0}};
  for (const auto& [code, value] : entries) {
    EXPECT_NEAR(map[code].item<double>(), value, 1e-7 * std::abs(value) + 1e-12) << code;
  }
}

TEST(BlockCodes, UnsignedMapIsTheSpecifications) {
  const at::Tensor map = BlockCodebook(Range::kUnsigned, at::kCPU).map();
  ASSERT_EQ(map.numel(), 256);
  const std::pair<int, double> entries[] = {{0, 0.0},           {1, 3.25e-7},      {2, 7.75e-7},
                                            {127, 0.103515625}, {254, 0.99648440}, {255, 1.0}};
  for (const auto& [code, value] : entries) {
    EXPECT_NEAR(map[code].item<double>(), value, 1e-7 * value) << code;
  }
}

TEST(BlockCodes, EveryEntryOfTheMapIsItsOwnCode) {
  const BlockCodebook codebook(Range::kSigned, at::kCPU);
  const BlockCodes codes = encoded(codebook, codebook.map() * 4.0);
  EXPECT_TENSOR_EQ(codes.codes, at::arange(256).to(at::kByte));
  EXPECT_EQ(codes.absmax.item<double>(), 4.0);
}

TEST(BlockCodes, EveryBlockHasItsOwnScaleAndTheLastMayBeShort) {
  const BlockCodebook codebook(Range::kSigned, at::kCPU);
  at::Tensor values = at::ones({2, 130});  // 260 elements: blocks of 256 and 4
  values[1][129] = -3.0;
  const BlockCodes codes = encoded(codebook, values);
  EXPECT_TENSOR_EQ(codes.absmax, at::tensor({1.0F, 3.0F}));
  EXPECT_TENSOR_NEAR(codebook.decode(codes), values, (test::Tolerance{"8 bits", 0.01}));
}

TEST(BlockCodes, ZerosStayZeros) {
  for (const Range range : {Range::kSigned, Range::kUnsigned}) {
    const BlockCodebook codebook(range, at::kCPU);
    EXPECT_TENSOR_EQ(codebook.decode(codebook.zeros({300})), at::zeros({300}));
    const BlockCodes codes = encoded(codebook, at::zeros({300}));
    EXPECT_TENSOR_EQ(codebook.decode(codes), at::zeros({300}));
    EXPECT_EQ(codebook.map()[codes.codes[0].item<int64_t>()].item<double>(), 0.0);
  }
}

TEST(BlockCodes, BetweenTwoEntriesTakesTheLower) {
  const BlockCodebook codebook(Range::kUnsigned, at::kCPU);
  const at::Tensor top = codebook.map().narrow(0, 254, 2);
  const BlockCodes codes = encoded(codebook, at::stack({top[1], top.mean()}));
  EXPECT_TENSOR_EQ(codes.codes, at::tensor({255, 254}, at::kByte));
}

}  // namespace
}  // namespace omnigen::optim
