#include <gtest/gtest.h>

#include "optim/block_codes.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

void run_half(const test::GoldenCase& golden, BlockCodebook::Range range, const std::string& half) {
  const BlockCodebook codebook(range, at::kCPU);
  EXPECT_TENSOR_NEAR(codebook.map(), golden[half + ".map"], test::kCodebook);
  const at::Tensor given = golden["values"];
  const at::Tensor values = range == BlockCodebook::Range::kSigned ? given : given.abs();
  BlockCodes codes = codebook.zeros(values.sizes());
  codebook.encode(values, codes);
  EXPECT_TENSOR_EQ(codes.codes, golden[half + ".codes"]);
  EXPECT_TENSOR_NEAR(codes.absmax, golden[half + ".absmax"], test::kCodebook);
  EXPECT_TENSOR_NEAR(codebook.decode(codes), golden[half + ".dequantized"], test::kCodebook);
}

TEST(BlockCodesGolden, MatchesBitsandbytes) {
  const test::GoldenCase golden = test::golden_case("quant", "codebooks");
  run_half(golden, BlockCodebook::Range::kSigned, "signed");
  run_half(golden, BlockCodebook::Range::kUnsigned, "unsigned");
}

}  // namespace
}  // namespace omnigen::optim
