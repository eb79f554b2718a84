#include "optim/make_optimizer.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

#include "config/optimizer_settings.h"
#include "optim/adafactor.h"
#include "optim/adamw.h"
#include "optim/adamw_bf16.h"
#include "optim/bnb_adamw.h"
#include "optim/bnb_lion.h"
#include "optim/lion.h"
#include "optim/optimi_adamw.h"
#include "optim/prodigy.h"
#include "optim/prodigy_plus.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

using config::OptimizerSettings;
using Parameters = std::vector<Parameter>;

constexpr int64_t kNeverCoded = std::numeric_limits<int64_t>::max();

std::optional<double> unless_none(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

// With a min_8bit_size, the optimizer's name says 8 bits.
int64_t min_coded_elements(const OptimizerSettings& s) {
  return s.values.contains("min_8bit_size") ? static_cast<int64_t>(s.at("min_8bit_size"))
                                            : kNeverCoded;
}

ProdigyPlusOptions prodigy_plus_options(const OptimizerSettings& s) {
  return {s.at("beta1"),
          s.at("beta2"),
          unless_none(s.at("beta3")),
          s.at("eps"),
          s.at("weight_decay"),
          s.is_on("weight_decay_by_lr"),
          s.at("d0"),
          s.at("d_coef"),
          s.is_on("d_limiter"),
          static_cast<int64_t>(s.at("prodigy_steps")),
          s.at("schedulefree_c"),
          s.is_on("factored"),
          s.is_on("use_bias_correction"),
          s.is_on("use_stableadamw"),
          s.is_on("use_schedulefree")};
}

ProdigyOptions prodigy_options(const OptimizerSettings& s) {
  return {s.at("beta1"),
          s.at("beta2"),
          unless_none(s.at("beta3")),
          s.at("eps"),
          s.at("weight_decay"),
          s.is_on("decouple"),
          s.is_on("use_bias_correction"),
          s.is_on("safeguard_warmup"),
          s.at("d0"),
          s.at("d_coef"),
          s.at("growth_rate"),
          static_cast<int64_t>(s.at("slice_p"))};
}

AdafactorOptions adafactor_options(const OptimizerSettings& s) {
  return {s.at("beta2_decay"),
          unless_none(s.at("eps1")).value_or(std::numeric_limits<float>::epsilon()), s.at("eps2"),
          s.at("d"), s.at("weight_decay")};
}

std::unique_ptr<Optimizer> make_adamw(const config::OptimConfig& config, const Parameters& leaves,
                                      const OptimizerSettings& s, uint64_t seed) {
  const double beta1 = s.at("beta1");
  const double beta2 = s.at("beta2");
  const double eps = s.at("eps");
  const double weight_decay = s.at("weight_decay");
  if (config.optimizer == "torch-adamw") {
    return std::make_unique<AdamW>(leaves, AdamWOptions{beta1, beta2, eps, weight_decay});
  }
  if (config.optimizer == "adamw_bf16") {
    return std::make_unique<AdamWBf16>(
        leaves, AdamWBf16Options{beta1, beta2, eps, weight_decay,
                                 config.adamw_bf16_mode == "reference", seed});
  }
  if (config.optimizer.starts_with("optimi-")) {
    return std::make_unique<OptimiAdamW>(
        leaves, OptimiAdamWOptions{beta1, beta2, eps, weight_decay,
                                   config.optimizer == "optimi-stableadamw"});
  }
  return std::make_unique<BnbAdamW>(
      leaves, BnbAdamWOptions{beta1, beta2, eps, weight_decay, min_coded_elements(s)});
}

std::unique_ptr<Optimizer> make_lion(const std::string& name, const Parameters& leaves,
                                     const OptimizerSettings& s) {
  if (name == "optimi-lion") {
    return std::make_unique<Lion>(leaves,
                                  LionOptions{s.at("beta1"), s.at("beta2"), s.at("weight_decay")});
  }
  return std::make_unique<BnbLion>(
      leaves,
      BnbLionOptions{s.at("beta1"), s.at("beta2"), s.at("weight_decay"), min_coded_elements(s)});
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const config::OptimConfig& config,
                                          const std::vector<Parameter>& parameters, uint64_t seed) {
  const OptimizerSettings settings = config::optimizer_settings(config);
  for (const auto& [key, text] : settings.problems) {
    throw util::ConfigError(fmt::format("{}: {}", key, text));
  }
  const std::string& name = config.optimizer;
  if (name == "prodigy") {
    return std::make_unique<ProdigyPlus>(parameters, prodigy_plus_options(settings));
  }
  if (name == "prodigyopt") return std::make_unique<Prodigy>(parameters, prodigy_options(settings));
  if (name == "torch-adafactor") {
    return std::make_unique<Adafactor>(parameters, adafactor_options(settings));
  }
  if (name.find("lion") != std::string::npos) return make_lion(name, parameters, settings);
  if (name.find("adamw") != std::string::npos) {
    return make_adamw(config, parameters, settings, seed);
  }
  throw util::ConfigError(
      fmt::format("optimizer '{}' is not available in omnigen-dist; closest available: adamw_bf16, "
                  "torch-adamw",
                  name));
}

ClipOptions clip_options(const config::OptimConfig& config) {
  const bool limits_itself =
      config.optimizer == "optimi-stableadamw" || config.optimizer == "prodigy";
  return {config.grad_clip_method == "norm" ? ClipMethod::kNorm : ClipMethod::kValue,
          limits_itself ? 0.0 : config.max_grad_norm};
}

double peak_rate(const config::OptimConfig& config, int64_t global_batch) {
  const auto samples = static_cast<double>(global_batch);
  if (config.lr_scale_sqrt) return config.learning_rate * std::sqrt(samples);
  return config.lr_scale ? config.learning_rate * samples : config.learning_rate;
}

LrSchedule make_schedule(const config::OptimConfig& config, int64_t total_steps,
                         int64_t global_batch) {
  return LrSchedule({config.lr_scheduler, peak_rate(config, global_batch), config.lr_warmup_steps,
                     total_steps, config.lr_end, config.lr_power, config.lr_num_cycles});
}

}  // namespace omnigen::optim
