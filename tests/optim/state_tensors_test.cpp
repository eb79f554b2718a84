#include "optim/state_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Tensors = std::map<std::string, at::Tensor>;

std::string state_refusal(const Tensors& saved) {
  Tensors own = {{"p.m", at::zeros({2, 3})}};
  try {
    copy_state(saved, own, "an optimizer's");
    return "";
  } catch (const util::DataError& error) {
    return error.what();
  }
}

TEST(StateTensors, CopiesIntoTheTensorsThatAreThere) {
  const at::Tensor mine = at::zeros({2});
  Tensors own = {{"m", mine}};
  copy_state({{"m", at::ones({2})}}, own, "test");
  EXPECT_TENSOR_EQ(mine, at::ones({2}));
}

TEST(StateTensors, NamesWhatDoesNotFit) {
  EXPECT_EQ(state_refusal({{"p.m", at::ones({2, 3})}}), "");
  EXPECT_THAT(state_refusal({}), AllOf(HasSubstr("p.m"), HasSubstr("missing")));
  EXPECT_THAT(state_refusal({{"p.m", at::ones({2, 3})}, {"q.m", at::ones({1})}}), HasSubstr("q.m"));
  EXPECT_THAT(state_refusal({{"p.m", at::ones({3, 2})}}),
              AllOf(HasSubstr("3x2"), HasSubstr("2x3")));
  EXPECT_THAT(state_refusal({{"p.m", at::ones({2, 3}, at::kBFloat16)}}), HasSubstr("p.m"));
}

}  // namespace
}  // namespace omnigen::optim
