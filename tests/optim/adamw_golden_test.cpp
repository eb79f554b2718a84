#include <gtest/gtest.h>

#include "optim/adamw.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

using test::GoldenCase;

void run_adamw(const GoldenCase& golden) {
  const auto& config = golden.json.at("config");
  std::vector<Parameter> parameters;
  for (const std::string& name : golden.names_below("initial.")) {
    parameters.push_back({name, golden["initial." + name].set_requires_grad(true)});
  }
  AdamW optimizer(parameters,
                  {config.at("betas")[0].get<double>(), config.at("betas")[1].get<double>(),
                   config.at("eps").get<double>(), config.at("weight_decay").get<double>()});
  int64_t step = 1;
  for (; golden.has(fmt::format("grad.{}.{}", step, parameters[0].name)); ++step) {
    for (Parameter& parameter : parameters) {
      parameter.value.mutable_grad() = golden[fmt::format("grad.{}.{}", step, parameter.name)];
    }
    optimizer.step(config.at("lr").get<double>());
    for (const Parameter& parameter : parameters) {
      const std::string name = fmt::format("param.{}.{}", step, parameter.name);
      if (golden.has(name)) {
        EXPECT_TENSOR_NEAR(parameter.value, golden[name], test::kAdamW);
      }
    }
  }
  EXPECT_GT(step, 1);
  const auto state = optimizer.state_dict();
  for (const Parameter& parameter : parameters) {
    for (const std::string kind : {"exp_avg", "exp_avg_sq"}) {
      EXPECT_TENSOR_NEAR(state.at(parameter.name + "." + kind), golden[kind + "." + parameter.name],
                         test::kAdamW);
    }
  }
}

TEST(AdamWGolden, MatchesTorch) {
  for (const GoldenCase& golden : test::golden_cases("optim", "adamw_")) {
    if (!golden.json.at("config").contains("lr")) continue;  // parts of adamw_bf16
    SCOPED_TRACE(golden.name());
    run_adamw(golden);
  }
}

}  // namespace
}  // namespace omnigen::optim
