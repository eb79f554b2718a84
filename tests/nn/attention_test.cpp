#include "nn/attention.h"

#include <gtest/gtest.h>

#include "nn/gemm_switch.h"
#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;
using test::TensorList;

// With products of our own, and with the library's.
class AttentionTest : public ::testing::TestWithParam<bool> {
 private:
  test::GemmSwitch switch_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Products, AttentionTest, ::testing::Bool());

constexpr int64_t kHeads = 3;
constexpr int64_t kHeadDim = 10;

AttentionSpan span_at(int64_t begin, int64_t num_causal, int64_t num_image,
                      std::vector<RowRange> input_images = {}) {
  return {begin, begin, 0, num_causal, num_causal + num_image, std::move(input_images)};
}

TensorList inputs_for(int64_t tokens) {
  return {random_tensor({tokens, kHeads * kHeadDim}, 1),
          random_tensor({tokens, kHeads * kHeadDim}, 2),
          random_tensor({tokens, kHeads * kHeadDim}, 3)};
}

// The published mask, written out.
at::Tensor masked(const TensorList& x, const AttentionSpan& span) {
  const at::Tensor allowed = at::zeros({span.length, span.length}, at::kBool);
  for (int64_t row = 0; row < span.length; ++row) {
    const bool causal = row < span.num_causal;
    for (int64_t key = 0; key < span.length; ++key) {
      bool seen = !causal || key <= row;
      for (const RowRange& image : span.input_images) {
        const bool inside = row >= image.begin && row < image.end;
        seen = seen || (inside && key >= image.begin && key < image.end);
      }
      if (seen) allowed[row][key] = true;
    }
  }
  const auto heads = [](const at::Tensor& y) {
    return y.view({y.size(0), kHeads, kHeadDim}).transpose(0, 1).unsqueeze(0);
  };
  return at::scaled_dot_product_attention(heads(x[0]), heads(x[1]), heads(x[2]), allowed)
      .squeeze(0)
      .transpose(0, 1)
      .reshape({span.length, -1});
}

void expect_mask(const AttentionSpan& span) {
  const auto expected = [&](const TensorList& x) { return masked(x, span); };
  const TensorList inputs = inputs_for(span.length);
  test::expect_same_function(
      [&](const TensorList& x) { return attention(x[0], x[1], x[2], {span}, kHeads); }, expected,
      inputs, test::kKernel);
  test::expect_same_function(
      [&](const TensorList& x) { return attention_reference(x[0], x[1], x[2], {span}, kHeads); },
      expected, inputs, test::kKernel);
}

TEST_P(AttentionTest, TextAndImageAsThePublishedMask) {
  expect_mask(span_at(0, 7, 12));
}

TEST_P(AttentionTest, InputImagesAnywhereInTheText) {
  expect_mask(span_at(0, 20, 6, {{4, 9}}));
  expect_mask(span_at(0, 20, 6, {{0, 5}, {5, 9}, {12, 19}}));
}

TEST_P(AttentionTest, MoreRowsThanABlock) {
  expect_mask(span_at(0, 300, 290, {{10, 280}}));
  expect_mask(span_at(0, 1, 600));
}

// Heads of 16 channels: rows of a head begin at multiples of 64 bytes in both, as with the
// published 96.
TEST_P(AttentionTest, ASampleAloneOrPackedIsTheSameToTheLastBit) {
  const std::vector<AttentionSpan> spans = {span_at(0, 7, 12), span_at(19, 20, 6, {{4, 9}}),
                                            span_at(45, 3, 30)};
  const TensorList packed = {random_tensor({78, 32}, 1), random_tensor({78, 32}, 2),
                             random_tensor({78, 32}, 3)};
  const auto run = [](const std::vector<AttentionSpan>& at, const TensorList& x) {
    TensorList leaves;
    for (const at::Tensor& input : x) leaves.push_back(input.clone().requires_grad_());
    const at::Tensor out = attention(leaves[0], leaves[1], leaves[2], at, 2);
    TensorList results = torch::autograd::grad({out.square().sum()}, leaves);
    results.push_back(out.detach());
    return results;
  };
  const TensorList all = run(spans, packed);
  for (AttentionSpan span : spans) {
    TensorList alone;
    for (const at::Tensor& x : packed) alone.push_back(x.narrow(0, span.key_begin, span.length));
    const int64_t begin = std::exchange(span.key_begin, 0);
    span.query_begin = 0;
    const TensorList own = run({span}, alone);
    for (size_t i = 0; i < own.size(); ++i) {
      EXPECT_TENSOR_EQ(all[i].narrow(0, begin, span.length), own[i]);
    }
  }
}

TEST_P(AttentionTest, ImageRowsAlone) {
  AttentionSpan all = span_at(0, 9, 14, {{2, 6}});
  AttentionSpan only = all;
  only.first_query = only.num_causal;
  const auto cut = [&](const TensorList& x) {
    return attention(x[0], x[1], x[2], {all}, kHeads).narrow(0, 9, 14);
  };
  for (const auto& function : {attention, attention_reference}) {
    const auto image_rows = [&](const TensorList& x) {
      return function(x[0].narrow(0, 9, 14), x[1], x[2], {only}, kHeads);
    };
    test::expect_same_function(image_rows, cut, inputs_for(23), test::kKernel);
  }
}

TEST_P(AttentionTest, RowsBehindTheSamplesAreZeroAndHaveNoGradient) {
  constexpr int64_t kTokens = 19;
  const std::vector<AttentionSpan> spans = {span_at(0, 7, 12)};
  TensorList leaves;
  for (const at::Tensor& input : inputs_for(kTokens + 3)) {
    leaves.push_back(input.clone().requires_grad_());
  }
  const at::Tensor out = attention(leaves[0], leaves[1], leaves[2], spans, kHeads);
  TensorList all = torch::autograd::grad({out.square().sum()}, leaves);
  all.push_back(out);
  for (const at::Tensor& tensor : all) {
    EXPECT_TRUE(at::equal(tensor.narrow(0, kTokens, 3), at::zeros_like(tensor.narrow(0, 0, 3))));
    EXPECT_GT(tensor.narrow(0, 0, kTokens).abs().max().item<float>(), 0.0F);
  }
}

TEST_P(AttentionTest, RecomputedProbabilitiesGiveTheSameGradients) {
  // 3 heads of 1680 x 1680: above what is kept for backward. The second form keeps: one head at a
  // time.
  const AttentionSpan span = span_at(0, 40, 1640);
  const auto by_head = [&](const TensorList& x) {
    TensorList heads;
    for (int64_t h = 0; h < kHeads; ++h) {
      const auto part = [&](const at::Tensor& y) { return y.narrow(1, h * kHeadDim, kHeadDim); };
      heads.push_back(attention(part(x[0]), part(x[1]), part(x[2]), {span}, 1));
    }
    return at::cat(heads, 1);
  };
  test::expect_same_function(
      [&](const TensorList& x) { return attention(x[0], x[1], x[2], {span}, kHeads); }, by_head,
      inputs_for(1680), test::kKernel);
}

TEST_P(AttentionTest, Bfloat16NearFloat64) {
  for (const int64_t image_tokens : {12, 300}) {  // all heads in one product, and one by one
    const AttentionSpan span = span_at(0, 20, image_tokens, {{4, 9}});
    TensorList inputs;
    for (const at::Tensor& x : inputs_for(20 + image_tokens)) {
      inputs.push_back(x.to(at::kBFloat16));
    }
    test::expect_near_double(
        [&](const TensorList& x) { return attention(x[0], x[1], x[2], {span}, kHeads); }, inputs,
        test::kBfloat16Attention);
  }
}

TEST_P(AttentionTest, LargeLogitsDoNotOverflow) {
  TensorList inputs = inputs_for(19);
  inputs[0] *= 1e3;
  inputs[1] *= 1e3;
  const at::Tensor out = attention(inputs[0], inputs[1], inputs[2], {span_at(0, 7, 12)}, kHeads);
  EXPECT_TRUE(at::isfinite(out).all().item<bool>());
}

TEST_P(AttentionTest, RefusesASampleWithoutAnImage) {
  const TensorList x = inputs_for(5);
  EXPECT_THROW(attention(x[0], x[1], x[2], {span_at(0, 5, 0)}, kHeads), c10::Error);
}

}  // namespace
}  // namespace omnigen::nn
