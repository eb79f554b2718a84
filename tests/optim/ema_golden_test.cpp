#include <gtest/gtest.h>

#include "optim/ema.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(EmaGolden, DecayFollowsDiffusers) {
  const auto json = test::read_json(test::golden_dir() / "optim/ema_decay.json");
  int rows = 0;
  for (const auto& [name, decays] : json.at("decays").items()) {
    const double decay = std::stod(name.substr(name.find_first_of("0123456789")));
    for (const auto& row : decays) {
      EXPECT_NEAR(ema_decay(row[0].get<int64_t>(), {decay, 1, 0}), row[1].get<double>(), 1e-12)
          << name << " after " << row[0];
      ++rows;
    }
  }
  EXPECT_GT(rows, 0);
}

TEST(EmaGolden, ShadowsFollowDiffusers) {
  for (const test::GoldenCase& golden : test::golden_cases("optim", "ema")) {
    SCOPED_TRACE(golden.name());
    Parameter parameter{"p", golden["param.0"]};
    Ema ema({parameter}, {golden.json.at("config").at("decay").get<double>(), 1, 0});
    int64_t step = 1;
    for (; golden.has(fmt::format("shadow.{}", step)); ++step) {
      parameter.value.copy_(golden[fmt::format("param.{}", step)]);
      ema.update(step);
      EXPECT_TENSOR_NEAR(ema.shadows()[0], golden[fmt::format("shadow.{}", step)],
                         test::kExactArithmetic);
    }
    EXPECT_GT(step, 1);
  }
}

}  // namespace
}  // namespace omnigen::optim
