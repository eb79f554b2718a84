#include "optim/coded_moment.h"

#include <gtest/gtest.h>

#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

CodedMoment moment_of(int64_t num_elements) {
  return {at::ones({num_elements}, at::kBFloat16),
          std::make_shared<const BlockCodebook>(BlockCodebook::Range::kSigned, at::kCPU), 300};
}

TEST(CodedMoment, SmallTensorsKeepTheirValues) {
  CodedMoment moment = moment_of(299);
  EXPECT_TENSOR_EQ(moment.load(), at::zeros({299}));
  const at::Tensor values = at::linspace(-1.0, 0.3, 299);
  moment.store(values);
  EXPECT_TENSOR_EQ(moment.load(), values);
  EXPECT_FALSE(moment.absmax().defined());
}

TEST(CodedMoment, LargeTensorsKeepCodes) {
  CodedMoment moment = moment_of(300);
  EXPECT_TENSOR_EQ(moment.load(), at::zeros({300}));
  moment.store(at::full({300}, -2.0));
  EXPECT_EQ(moment.state().scalar_type(), at::kByte);
  EXPECT_TENSOR_EQ(moment.absmax(), at::full({2}, 2.0));
  EXPECT_TENSOR_NEAR(moment.load(), at::full({300}, -2.0), (test::Tolerance{"8 bits", 0.01}));
}

}  // namespace
}  // namespace omnigen::optim
