#include <gtest/gtest.h>

#include <cmath>

#include "optim/lr_schedule.h"
#include "support/golden.h"

namespace omnigen::optim {
namespace {

constexpr double kDiffusersPolynomialEnd = 1e-7;
constexpr double kRelative = 1e-6;

void expect_rates(const nlohmann::json& config, const std::string& name, double end,
                  const nlohmann::json& expected) {
  const LrSchedule schedule({name, config.at("lr").get<double>(),
                             config.at("warmup").get<int64_t>(), config.at("total").get<int64_t>(),
                             end, config.at("power").get<double>(),
                             config.at("cycles").get<int64_t>()});
  for (size_t step = 0; step < expected.size(); ++step) {
    const auto rate = expected[step].get<double>();
    EXPECT_NEAR(schedule.at(static_cast<int64_t>(step)), rate, kRelative * std::abs(rate) + 1e-18)
        << name << " after " << step << " steps";
  }
}

// diffusers' cosines have names of their own here, since SimpleTuner's waves bear theirs. Its
// constant has no warm-up, which here asks for constant_with_warmup.
TEST(LrScheduleGolden, MatchesDiffusers) {
  const auto json = test::read_json(test::golden_dir() / "optim/lr_schedules.json");
  for (const auto& [name, rates] : json.at("diffusers").items()) {
    if (name == "constant") continue;
    if (name.starts_with("cosine")) {
      expect_rates(json.at("config"), "warmup_" + name, 0.0, rates);
    } else {
      expect_rates(json.at("config"), name, kDiffusersPolynomialEnd, rates);
    }
  }
}

TEST(LrScheduleGolden, MatchesSimpleTuner) {
  const auto json = test::read_json(test::golden_dir() / "optim/lr_schedules.json");
  const double end = json.at("config").at("lr_end").get<double>();
  for (const auto& [name, rates] : json.at("simpletuner").items()) {
    expect_rates(json.at("config"), name, end, rates);
  }
}

}  // namespace
}  // namespace omnigen::optim
