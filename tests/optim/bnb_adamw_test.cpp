#include "optim/bnb_adamw.h"

#include <gtest/gtest.h>

#include "optim/adamw.h"
#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(BnbAdamW, SmallTensorsFollowTorch) {
  const Parameter own = one_of(1.0, 0.5);
  const Parameter reference = one_of(1.0, 0.5);
  BnbAdamW optimizer({own}, {});
  AdamW torch({reference}, {.eps = 1e-6});
  for (int step = 0; step < 20; ++step) {
    optimizer.step(0.01);
    torch.step(0.01);
  }
  EXPECT_TENSOR_NEAR(own.value, reference.value.detach(), test::kBnbParameters);
}

TEST(BnbAdamW, LargeTensorsHaveCodesOfBothMoments) {
  const BnbAdamW optimizer({parameter_of("p", at::ones({65, 64}), at::ones({65, 64}))}, {});
  const NamedTensors state = optimizer.state_dict();
  for (const char* moment : {"1", "2"}) {
    EXPECT_EQ(state.at(std::string("p.state") + moment).scalar_type(), at::kByte);
    EXPECT_EQ(state.at(std::string("p.absmax") + moment).numel(), 17);
  }
}

TEST(BnbAdamW, EightBitsGoWhereThirtyTwoGo) {
  const at::Tensor grad = at::linspace(-1.0, 1.0, 4096);
  const Parameter coded = parameter_of("p", at::zeros({4096}), grad);
  const Parameter exact = parameter_of("p", at::zeros({4096}), grad);
  BnbAdamW optimizer({coded}, {});
  BnbAdamW reference({exact}, {.min_coded_elements = 4097});
  for (int step = 0; step < 10; ++step) {
    optimizer.step(0.01);
    reference.step(0.01);
  }
  const at::Tensor off = (coded.value.detach() - exact.value.detach()).abs();
  EXPECT_LT(off.mean().item<double>(), 0.003);  // of the 0.1 that every element moves
  EXPECT_GT(exact.value[0].item<double>(), 0.09);
}

}  // namespace
}  // namespace omnigen::optim
