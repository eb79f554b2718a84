// The transformer's golden cases on a GPU, in float32 and bfloat16.
#include <ATen/detail/CUDAHooksInterface.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "model/golden_samples.h"
#include "model/omnigen_transformer.h"
#include "model/weight_map.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

// Sums in another order than the reference's; bfloat16 rounds every activation.
constexpr test::Tolerance kOnGpu{"transformer output on a GPU, float32", 2e-5};
constexpr test::Tolerance kOnGpuBfloat16{"transformer output on a GPU, bf16", 5e-2};

class TransformerCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (at::detail::getCUDAHooks().deviceCount() > 0) return;
    GTEST_SKIP() << "no GPU is visible";
  }

  static void expect_outputs(at::ScalarType dtype, const test::Tolerance& tolerance) {
    const auto folder = test::golden_dir() / "transformer";
    const auto transformer = load_transformer(folder, {dtype, at::Device(at::kCUDA, 0)});
    for (const test::GoldenCase& golden : test::golden_cases("transformer")) {
      SCOPED_TRACE(golden.name());
      const at::NoGradGuard no_grad;
      PackedSample sample = test::sample_of(golden);
      sample.latent_CHW = sample.latent_CHW.to(at::kCUDA);
      for (InputImage& image : sample.input_images)
        image.latent_CHW = image.latent_CHW.to(at::kCUDA);
      const at::Tensor output = transformer->forward({sample})[0];
      EXPECT_TENSOR_NEAR(output.cpu(), golden["output"].squeeze(0), tolerance);
    }
  }
};

TEST_F(TransformerCuda, OutputsInFloat32) {
  expect_outputs(at::kFloat, kOnGpu);
}

TEST_F(TransformerCuda, OutputsInBfloat16) {
  expect_outputs(at::kBFloat16, kOnGpuBfloat16);
}

}  // namespace
}  // namespace omnigen::model

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
