#include "model/block_pass.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "adapter/lokr.h"
#include "adapter/lora.h"
#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

enum class Kind { kLokr, kLowRankLokr, kLora };
enum class Adapted { kAttention, kAttentionAndMlp, kMlp };

struct Case {
  Kind kind;
  Adapted adapted;
};

constexpr int64_t kHidden = 64, kHeads = 4, kWidth = 96;
constexpr int64_t kHalf = kHidden / kHeads / 2;
// Two samples of different sizes: condition and time tokens, then the image.
constexpr int64_t kCausal1 = 4, kLength1 = 9, kCausal2 = 6, kLength2 = 15;
constexpr int64_t kTokens = kLength1 + kLength2;

class BlockPassTest : public ::testing::TestWithParam<Case> {
 protected:
  BlockPassTest() { set_up(at::kFloat); }

  at::Tensor draw(at::IntArrayRef sizes, double scale = 1.0) {
    return at::randn(sizes, generator_).mul(scale).to(dtype_);
  }

  void set_up(at::ScalarType dtype) {
    generator_.set_current_seed(5);
    dtype_ = dtype;
    const auto norm = [&] { return draw({kHidden}, 0.1) + 1; };
    const auto linear = [&](int64_t out, int64_t in) {
      return nn::Linear{draw({out, in}, 0.15), {}, nullptr};
    };
    block_ = {norm(),
              linear(kHidden, kHidden),
              linear(kHidden, kHidden),
              linear(kHidden, kHidden),
              linear(kHidden, kHidden),
              norm(),
              linear(2 * kWidth, kHidden),
              linear(kHidden, kWidth),
              1e-5,
              kHeads};
    leaves_.clear();
    if (GetParam().adapted != Adapted::kMlp) {
      for (nn::Linear* layer : {&block_.to_q, &block_.to_k, &block_.to_v, &block_.to_out}) {
        attach(*layer);
      }
    }
    if (GetParam().adapted != Adapted::kAttention) {
      attach(block_.gate_up_proj);
      attach(block_.down_proj);
    }
    value_ = draw({kTokens, kHidden}).requires_grad_();
    pending_ = draw({kTokens, kHidden}).requires_grad_();
    angles_ = {draw({kTokens, kHalf}).to(at::kFloat), draw({kTokens, kHalf}).to(at::kFloat)};
  }

  void attach(nn::Linear& layer) {
    const std::string name = std::to_string(leaves_.size());
    std::shared_ptr<adapter::LayerAdapter> made;
    if (GetParam().kind == Kind::kLora) {
      const adapter::LoraShape shape{layer.out_features(), layer.in_features(), 3, 0.5};
      made = std::make_shared<adapter::LoraFactors>(shape, adapter::LoraInit::kUniform, name, 1,
                                                    at::kCPU);
    } else {
      adapter::LokrOptions options;
      options.factor = 4;
      options.full_matrix = GetParam().kind == Kind::kLokr;
      options.linear_dim = 1;
      options.linear_alpha = 2;
      options.decompose_both = true;
      made = std::make_shared<adapter::LokrFactors>(
          adapter::lokr_shape(layer.out_features(), layer.in_features(), options), name, 1,
          at::kCPU);
    }
    for (const auto& [factor, leaf] : made->factors()) {
      leaf.detach().copy_(at::randn(leaf.sizes(), generator_).mul_(0.3));
      leaves_.push_back(leaf);
    }
    layer.adapter = made;
  }

  struct Form {
    bool one = true;
    Recompute recompute = Recompute::kNone;
    bool images_only = false;
  };

  // Both results, then the gradients of both inputs and of every leaf.
  std::vector<at::Tensor> run(const Form& form, const Stream& in, bool input_wanted = true) {
    const std::vector<nn::RowRange> rows = {{kCausal1, kLength1}, {kLength1 + kCausal2, kTokens}};
    std::vector<nn::AttentionSpan> spans = {{0, 0, 0, kCausal1, kLength1, {}},
                                            {kLength1, kLength1, 0, kCausal2, kLength2, {}}};
    nn::RotaryAngles query_angles = angles_;
    if (form.images_only) {
      spans = {{0, 0, kCausal1, kCausal1, kLength1, {}},
               {kLength1, kLength1 - kCausal1, kCausal2, kCausal2, kLength2, {}}};
      query_angles = {take_rows(angles_.cos, rows), take_rows(angles_.sin, rows)};
    }
    const std::vector<nn::RowRange> every_row;
    const BlockContext context{spans, angles_, query_angles, form.images_only ? rows : every_row};
    const Stream out =
        form.one ? block_as_one(block_, in, context, form.recompute) : block_.forward(in, context);
    std::vector<at::Tensor> inputs = leaves_;
    if (input_wanted) inputs.insert(inputs.begin(), in.value);
    if (input_wanted && in.pending.defined()) inputs.insert(inputs.begin(), in.pending);
    generator_.set_current_seed(9);
    const at::Tensor grad_value = draw(out.value.sizes());
    std::vector<at::Tensor> results = {out.value, out.pending};
    std::vector<at::Tensor> grads = {grad_value, draw(out.value.sizes())};
    if (!results[0].requires_grad()) {  // nothing in front of it is trained
      results.erase(results.begin());
      grads.erase(grads.begin());
    }
    std::vector<at::Tensor> all = torch::autograd::grad(results, inputs, grads);
    all.insert(all.begin(), {out.value.detach(), out.pending.detach()});
    return all;
  }
  std::vector<at::Tensor> run(const Form& form) { return run(form, {value_, pending_}); }

  static void expect_near(const std::vector<at::Tensor>& actual,
                          const std::vector<at::Tensor>& expected,
                          const test::Tolerance& tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(actual[i].scalar_type(), expected[i].scalar_type());
      EXPECT_TENSOR_NEAR(actual[i], expected[i], tolerance);
    }
  }

  at::Generator generator_ = at::detail::createCPUGenerator(5);
  at::ScalarType dtype_ = at::kFloat;
  TransformerBlock block_;
  std::vector<at::Tensor> leaves_;
  at::Tensor value_;
  at::Tensor pending_;
  nn::RotaryAngles angles_;
};

TEST_P(BlockPassTest, EqualsTheComposedBlock) {
  ASSERT_TRUE(runs_as_one(block_, {value_, pending_}));
  expect_near(run({}), run({.one = false}), test::kTransformerGradient);
}

TEST_P(BlockPassTest, EqualsItWhereOnlyImageRowsAsk) {
  expect_near(run({.images_only = true}), run({.one = false, .images_only = true}),
              test::kTransformerGradient);
}

TEST_P(BlockPassTest, EqualsItOnAStreamWithNothingPending) {
  const Stream in{value_, {}};
  expect_near(run({}, in), run({.one = false}, in), test::kTransformerGradient);
}

TEST_P(BlockPassTest, LeavesGetTheirGradientsWhereTheInputWantsNone) {
  const Stream in{value_.detach(), pending_.detach()};
  expect_near(run({}, in, false), run({.one = false}, in, false), test::kTransformerGradient);
}

TEST_P(BlockPassTest, RecomputationChangesNoBit) {
  for (const bool images_only : {false, true}) {
    const auto kept = run({.images_only = images_only});
    for (const Recompute recompute : {Recompute::kSelective, Recompute::kFull}) {
      const auto recomputed = run({.recompute = recompute, .images_only = images_only});
      ASSERT_EQ(kept.size(), recomputed.size());
      for (size_t i = 0; i < kept.size(); ++i) EXPECT_TENSOR_EQ(recomputed[i], kept[i]);
    }
  }
}

TEST_P(BlockPassTest, Bfloat16EqualsTheComposedBlockToItsRounding) {
  set_up(at::kBFloat16);
  expect_near(run({}), run({.one = false}), test::kLokrBfloat16);
}

TEST_P(BlockPassTest, AnAdapterSwitchedOffGetsNoGradient) {
  auto* adapter = dynamic_cast<adapter::LayerAdapter*>(block_.to_out.adapter.get());
  if (adapter == nullptr)
    adapter = dynamic_cast<adapter::LayerAdapter*>(block_.down_proj.adapter.get());
  adapter->set_multiplier(0.0);
  const std::vector<nn::AttentionSpan> spans = {{0, 0, 0, kCausal1, kTokens, {}}};
  const std::vector<nn::RowRange> every_row;
  const BlockContext context{spans, angles_, angles_, every_row};
  const Stream out = block_as_one(block_, {value_, pending_}, context, Recompute::kNone);
  (out.value.sum() + out.pending.sum()).backward();
  for (const auto& [name, leaf] : adapter->factors()) EXPECT_FALSE(leaf.grad().defined());
  EXPECT_TRUE(value_.grad().defined());
}

TEST_P(BlockPassTest, IsNotChosenForATrainedWeight) {
  block_.down_proj.weight.requires_grad_();
  EXPECT_FALSE(runs_as_one(block_, {value_, pending_}));
}

INSTANTIATE_TEST_SUITE_P(Adapters, BlockPassTest,
                         ::testing::Values(Case{Kind::kLokr, Adapted::kAttention},
                                           Case{Kind::kLokr, Adapted::kAttentionAndMlp},
                                           Case{Kind::kLokr, Adapted::kMlp},
                                           Case{Kind::kLowRankLokr, Adapted::kAttentionAndMlp},
                                           Case{Kind::kLora, Adapted::kAttentionAndMlp}));

}  // namespace
}  // namespace omnigen::model
