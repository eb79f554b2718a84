// A case of tests/golden/optim_more: the optimizer that its description names, made from a
// configuration as a user would write it, over the case's own gradients and rates.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "optim/make_optimizer.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::optim {

// Cases of one class of one library, whatever they are called.
inline std::vector<test::GoldenCase> optimizer_cases(const std::string& library_class) {
  std::vector<test::GoldenCase> cases;
  for (const test::GoldenCase& golden : test::golden_cases("optim_more")) {
    const auto& config = golden.json.at("config");
    if (config.value("optimizer", "") == library_class) cases.push_back(golden);
  }
  EXPECT_FALSE(cases.empty()) << "no case of " << library_class;
  return cases;
}

inline config::OptimConfig golden_config(const nlohmann::json& config) {
  static const std::map<std::string, std::string> kNames = {
      {"optimi.Lion", "optimi-lion"},
      {"bitsandbytes.Lion8bit", "bnb-lion8bit"},
      {"bitsandbytes.AdamW8bit", "bnb-adamw8bit"},
      {"prodigyopt.Prodigy", "prodigyopt"},
      {"prodigyplus.ProdigyPlusScheduleFree", "prodigy"},
      {"torch.Adafactor", "torch-adafactor"}};
  static const std::map<std::string, std::vector<std::string>> kPairs = {
      {"betas", {"beta1", "beta2"}}, {"eps", {"eps1", "eps2"}}};
  static const std::vector<std::string> kNoOptions = {"optimizer", "class", "dtype",    "lr",
                                                      "warmup",    "steps", "gradients"};
  config::OptimConfig result;
  result.optimizer = kNames.at(config.at("optimizer").get<std::string>());
  const auto add = [&](const std::string& name, const nlohmann::json& value) {
    result.optimizer_config += fmt::format("{}={},", name, value.is_null() ? "none" : value.dump());
  };
  for (const auto& [name, value] : config.items()) {
    if (std::find(kNoOptions.begin(), kNoOptions.end(), name) != kNoOptions.end()) continue;
    if (value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i) add(kPairs.at(name).at(i), value[i]);
    } else {
      add(name, value);
    }
  }
  return result;
}

class GoldenRun {
 public:
  explicit GoldenRun(const test::GoldenCase& golden)
      : golden_(golden),
        gradients_(
            test::golden_case(".", golden.json.at("config").at("gradients").get<std::string>())),
        rates_(golden["lr"]) {
    for (const std::string& name : golden.names_below("initial.")) {
      parameters_.push_back({name, golden["initial." + name].set_requires_grad(true)});
      banks_.push_back(gradients_["bank." + name]);
    }
    optimizer_ = make_optimizer(golden_config(golden.json.at("config")), parameters_, 0);
  }

  // The next step; false when there is none.
  bool step() {
    if (step_ == rates_.numel()) return false;
    const auto index = gradients_["index"][step_].item<int64_t>();
    const auto scale = gradients_["scale"][step_].item<double>();
    for (size_t i = 0; i < parameters_.size(); ++i) {
      parameters_[i].value.mutable_grad() =
          (banks_[i][index].to(at::kFloat) * scale).to(parameters_[i].value.scalar_type());
    }
    optimizer_->step(rates_[step_].item<double>());
    ++step_;
    return true;
  }

  [[nodiscard]] int64_t steps_done() const { return step_; }
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  [[nodiscard]] const Optimizer& optimizer() const { return *optimizer_; }
  [[nodiscard]] at::Tensor state(const std::string& name) const {
    return optimizer_->state_dict().at(name);
  }

  // What the file has after this step; undefined: nothing.
  [[nodiscard]] at::Tensor expected_parameter(const std::string& name) const {
    return find(fmt::format("param.{}.{}", step_, name));
  }
  [[nodiscard]] at::Tensor expected_state(const std::string& kind, const std::string& name) const {
    return find(fmt::format("state.{}.{}.{}", step_, kind, name));
  }
  // The value after this step of a number that the file has for every step.
  [[nodiscard]] double expected_number(const std::string& name) const {
    return golden_[name][step_ - 1].item<double>();
  }

 private:
  [[nodiscard]] at::Tensor find(const std::string& name) const {
    return golden_.has(name) ? golden_[name] : at::Tensor();
  }

  const test::GoldenCase& golden_;
  test::GoldenCase gradients_;
  at::Tensor rates_;
  std::vector<Parameter> parameters_;
  std::vector<at::Tensor> banks_;
  std::unique_ptr<Optimizer> optimizer_;
  int64_t step_ = 0;
};

}  // namespace omnigen::optim
