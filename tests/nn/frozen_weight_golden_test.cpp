// Compact weights against the libraries themselves (tests/golden/quant).
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "nn/linear.h"
#include "nn/nf4_weight.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::nn {
namespace {

using test::GoldenCase;

struct Kind {
  std::string name;  // in the golden files
  WeightFormat format;
  bool rounds_x;  // then the file's output, made from x itself, is another number
};
const std::vector<Kind> kKinds = {{"int8_quanto", WeightFormat::kInt8Quanto, false},
                                  {"fp8_quanto", WeightFormat::kFp8Quanto, false},
                                  {"int8_torchao", WeightFormat::kInt8Torchao, false},
                                  {"fp8wo_torchao", WeightFormat::kFp8Torchao, true},
                                  {"nf4", WeightFormat::kNf4, false}};

std::vector<GoldenCase> layer_cases() {
  auto cases = test::golden_cases("quant");
  std::erase_if(cases, [](const GoldenCase& golden) { return !golden.has("weight"); });
  return cases;
}

at::Tensor part_of(const FrozenWeight& weight, const std::string& name) {
  for (const auto& [part_name, part] : weight.parts()) {
    if (part_name == name) return part;
  }
  TORCH_CHECK(false, "no part ", name);
}

// Float8 codes as their bits.
at::Tensor bits(const at::Tensor& codes) {
  return codes.scalar_type() == at::kFloat8_e4m3fn ? codes.view(at::kByte) : codes;
}

// Calls check(golden, kind, weight) for all that a library could do.
template <class Check>
void for_each_weight(const Check& check) {
  for (const GoldenCase& golden : layer_cases()) {
    for (const Kind& kind : kKinds) {
      if (!golden.has(kind.name + ".dequantized")) continue;
      SCOPED_TRACE(golden.name() + ", " + kind.name);
      check(golden, kind, compact(golden["weight"], kind.format));
    }
  }
}

TEST(FrozenWeightGolden, CodesAndScalesAreTheLibrarys) {
  for_each_weight([](const GoldenCase& golden, const Kind& kind, const FrozenWeightPtr& weight) {
    if (kind.format == WeightFormat::kNf4) return;
    EXPECT_TENSOR_EQ(bits(part_of(*weight, "data")), golden[kind.name + ".data"]);
    const at::Tensor scale = golden[kind.name + ".scale"];
    EXPECT_TENSOR_EQ(part_of(*weight, "scale").view(scale.sizes()), scale);
  });
}

TEST(FrozenWeightGolden, Nf4CodesAndMagnitudesAreTheLibrarys) {
  for (const GoldenCase& golden : layer_cases()) {
    SCOPED_TRACE(golden.name());
    const Nf4Weight weight(golden["weight"]);
    const at::Tensor packed = golden["nf4.packed"];
    EXPECT_TENSOR_EQ(part_of(weight, "packed").narrow(0, 0, packed.numel()), packed);
    EXPECT_TENSOR_EQ(packed, golden["nf4_single.packed"]);
    EXPECT_TENSOR_EQ(part_of(weight, "absmax_codes"), golden["nf4.absmax_codes"]);
    EXPECT_TENSOR_NEAR(part_of(weight, "absmax_absmax"), golden["nf4.absmax_absmax"],
                       test::kExactArithmetic);
    EXPECT_TENSOR_NEAR(part_of(weight, "offset"), golden["nf4.offset"], test::kExactArithmetic);
    EXPECT_TENSOR_NEAR(weight.absmax(), golden["nf4.absmax"], test::kExactArithmetic);
  }
}

TEST(FrozenWeightGolden, TheWeightThatIsMultipliedByIsTheLibrarys) {
  for_each_weight([](const GoldenCase& golden, const Kind& kind, const FrozenWeightPtr& weight) {
    const at::Tensor expected = golden[kind.name + ".dequantized"];
    EXPECT_EQ(weight->dequantized().scalar_type(), expected.scalar_type());
    EXPECT_TENSOR_EQ(weight->dequantized(), expected);
  });
}

TEST(FrozenWeightGolden, LayersMultiplyAndPassGradientsAsTheLibrary) {
  for_each_weight([](const GoldenCase& golden, const Kind& kind, const FrozenWeightPtr& weight) {
    const bool wide = weight->dtype() == at::kFloat;
    const test::Tolerance tolerance = wide ? test::kCompactLayer : test::kBfloat16CompactLayer;
    Linear layer;
    layer.frozen = weight;
    if (golden.has("bias")) layer.bias = golden["bias"];
    const at::Tensor x = golden["x"].requires_grad_();
    const at::Tensor output = layer.forward(x);
    if (!kind.rounds_x) {
      EXPECT_TENSOR_NEAR(output, golden[kind.name + ".output"], tolerance);
    }
    const auto grads = torch::autograd::grad({output}, {x}, {golden["grad_output"]});
    EXPECT_TENSOR_NEAR(grads[0], golden[kind.name + ".grad_x"], tolerance);
  });
}

TEST(BlockCodesGolden, MapsAndCodesAreTheLibrarys) {
  const GoldenCase golden = test::golden_case("quant", "codebooks");
  EXPECT_TENSOR_EQ(nf4_values(), golden["nf4"]);
  EXPECT_TENSOR_NEAR(signed_8bit_map(), golden["signed.map"], test::kCodebook);
  const BlockCodes blocks = encode_blocks(golden["values"], signed_8bit_map(), 256);
  EXPECT_TENSOR_EQ(blocks.absmax, golden["signed.absmax"]);
  EXPECT_TENSOR_EQ(blocks.codes, golden["signed.codes"]);
}

}  // namespace
}  // namespace omnigen::nn
