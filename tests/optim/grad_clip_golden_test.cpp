#include <gtest/gtest.h>

#include "optim/grad_clip.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

at::Tensor flat(const test::GoldenCase& golden, const std::string& prefix) {
  std::vector<at::Tensor> parts;
  for (const std::string& name : golden.names_below(prefix))
    parts.push_back(golden[prefix + name].flatten());
  return at::cat(parts);
}

TEST(GradClipGolden, MatchesTorch) {
  for (const test::GoldenCase& golden : test::golden_cases("optim", "clip")) {
    SCOPED_TRACE(golden.name());
    const auto& config = golden.json.at("config");
    at::Tensor gradients = flat(golden, "grad.");
    const double largest =
        clip_gradients(gradients, {ClipMethod::kValue, config.at("value").get<double>()});
    EXPECT_DOUBLE_EQ(largest, flat(golden, "grad.").abs().max().item<double>());
    EXPECT_TENSOR_NEAR(gradients, flat(golden, "value."), test::kExactArithmetic);

    gradients = flat(golden, "grad.");
    const double norm =
        clip_gradients(gradients, {ClipMethod::kNorm, config.at("norm").get<double>()});
    EXPECT_TENSOR_NEAR(at::scalar_tensor(norm), golden["total_norm"], test::kExactArithmetic);
    EXPECT_TENSOR_NEAR(gradients, flat(golden, "norm."), test::kExactArithmetic);
  }
}

}  // namespace
}  // namespace omnigen::optim
