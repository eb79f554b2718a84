#include "optim/make_optimizer.h"

#include <fmt/format.h>

#include <cmath>
#include <sstream>

#include "optim/adamw.h"
#include "optim/adamw_bf16.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

struct AdamSettings {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
};

void apply_text(const std::string& text, AdamSettings& settings) {
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) {
    const size_t equals = item.find('=');
    const std::string name = item.substr(0, equals);
    double* target = name == "beta1"          ? &settings.beta1
                     : name == "beta2"        ? &settings.beta2
                     : name == "eps"          ? &settings.eps
                     : name == "weight_decay" ? &settings.weight_decay
                                              : nullptr;
    size_t used = 0;
    double value = 0.0;
    try {
      if (equals != std::string::npos) value = std::stod(item.substr(equals + 1), &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (target == nullptr || used == 0) {
      throw util::ConfigError(fmt::format(
          "optimizer_config: cannot read \"{}\"; write beta1=…, beta2=…, eps=… or weight_decay=…, "
          "separated by commas",
          item));
    }
    *target = value;
  }
}

AdamSettings settings_of(const config::OptimConfig& config, double default_eps) {
  AdamSettings settings;
  settings.eps = config.adam_epsilon.value_or(default_eps);
  settings.weight_decay = config.adam_weight_decay.value_or(settings.weight_decay);
  settings.beta1 = config.optimizer_beta1.value_or(config.adam_beta1.value_or(settings.beta1));
  settings.beta2 = config.optimizer_beta2.value_or(config.adam_beta2.value_or(settings.beta2));
  apply_text(config.optimizer_config, settings);
  return settings;
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const config::OptimConfig& config,
                                          const std::vector<Parameter>& parameters, uint64_t seed) {
  if (config.optimizer == "torch-adamw") {
    const AdamSettings s = settings_of(config, 1e-8);
    return std::make_unique<AdamW>(parameters,
                                   AdamWOptions{s.beta1, s.beta2, s.eps, s.weight_decay});
  }
  if (config.optimizer == "adamw_bf16") {
    const AdamSettings s = settings_of(config, 1e-6);
    return std::make_unique<AdamWBf16>(
        parameters, AdamWBf16Options{s.beta1, s.beta2, s.eps, s.weight_decay,
                                     config.adamw_bf16_mode == "reference", seed});
  }
  throw util::ConfigError(
      fmt::format("optimizer '{}' is not available in omnigen-dist; closest available: adamw_bf16, "
                  "torch-adamw",
                  config.optimizer));
}

LrSchedule make_schedule(const config::OptimConfig& config, int64_t total_steps,
                         int64_t global_batch) {
  const auto samples = static_cast<double>(global_batch);
  double base = config.learning_rate;
  if (config.lr_scale_sqrt) {
    base *= std::sqrt(samples);
  } else if (config.lr_scale) {
    base *= samples;
  }
  return LrSchedule({config.lr_scheduler, base, config.lr_warmup_steps, total_steps, config.lr_end,
                     config.lr_power});
}

int64_t state_bytes_per_parameter(const std::string& optimizer) {
  constexpr int64_t kFourBf16 = 8;    // weight, shift, both moments
  constexpr int64_t kTwoFloat32 = 8;  // both moments
  return optimizer == "adamw_bf16" ? kFourBf16 : kTwoFloat32;
}

}  // namespace omnigen::optim
