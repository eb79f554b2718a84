#include "optim/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optim/adamw.h"
#include "optim/test_parameters.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

TEST(Optimizer, CountsTheBytesOfItsState) {
  const AdamW optimizer({parameter_of("p", at::ones({5, 3}), at::ones({5, 3}))}, {});
  EXPECT_EQ(optimizer.state_bytes(), 2 * 15 * 4 + 8);  // two moments and the step
}

TEST(Optimizer, TakesStateIntoItsOwnTensors) {
  AdamW optimizer({one_of(1.0, 1.0)}, {});
  NamedTensors state = optimizer.state_dict();
  state["p.exp_avg"] = at::full({1}, 7.0);
  optimizer.load_state_dict(state);
  EXPECT_EQ(optimizer.state_dict().at("p.exp_avg").item<double>(), 7.0);
}

TEST(Optimizer, RefusesStateThatDoesNotFitByName) {
  AdamW optimizer({one_of(1.0, 1.0)}, {});
  NamedTensors state = optimizer.state_dict();
  state["p.exp_avg"] = at::zeros({2});
  try {
    optimizer.load_state_dict(state);
    FAIL() << "accepted";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("torch-adamw state: \"p.exp_avg\""));
  }
}

TEST(Optimizer, MeasuresTheTrainedWeightsAndLogsTheirRate) {
  const AdamW optimizer({one_of(1.0, 1.0)}, {});
  EXPECT_TRUE(optimizer.evaluation_weights().empty());
  EXPECT_EQ(optimizer.logged_rate(1e-4), 1e-4);
}

}  // namespace
}  // namespace omnigen::optim
