#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/assign_keys.h"
#include "config/optimizer_settings.h"
#include "config/rules.h"
#include "config/text.h"

namespace omnigen::config {
namespace {

bool is_lion(const std::string& optimizer) {
  return optimizer.find("lion") != std::string::npos;
}

bool has_word(const std::string& list, const std::string& word) {
  const std::vector<std::string> words = split_words(list, ", ");
  return std::find(words.begin(), words.end(), word) != words.end();
}

void check_length(const Json& given, const TrainConfig& train, Messages* messages) {
  const double epochs = train.num_train_epochs;
  if (train.max_train_steps > 0 && epochs > 0) {
    messages->error("max_train_steps",
                    fmt::format("When using --max_train_steps (MAX_NUM_STEPS), you must set "
                                "--num_train_epochs (NUM_EPOCHS) to 0. They are {} and {}",
                                train.max_train_steps, epochs),
                    "C01");
  } else if (train.max_train_steps == 0 && epochs == 0) {
    messages->error(
        "max_train_steps",
        "You must specify either --max_train_steps or --num_train_epochs with a value > 0", "C02");
  }
  if (train.gradient_accumulation_steps < 1) {
    messages->error("gradient_accumulation_steps",
                    fmt::format("must be at least 1, is {}; 1 means no accumulation",
                                train.gradient_accumulation_steps),
                    "C03");
  }
  if (train.train_batch_size < 1) {
    messages->error("train_batch_size",
                    fmt::format("must be at least 1, is {}", train.train_batch_size), "C04");
  }
  if (train.max_train_steps > 0 && train.checkpoint_step_interval > train.max_train_steps) {
    messages->warn(
        "checkpoint_step_interval",
        fmt::format("{} is beyond max_train_steps={}, so nothing is saved before the end",
                    train.checkpoint_step_interval, train.max_train_steps),
        "C45");
  }
  if (!is_given(given, "output_dir")) {
    messages->notice(fmt::format("output_dir not given, using {}", train.output_dir), "1.4.2");
  }
}

void check_rate(const Json& given, const OptimConfig& optim, Messages* messages) {
  if (finds_own_rate(optim.optimizer)) return;
  constexpr double kHigh = 1e-2;
  constexpr double kHighForLion = 1e-4;
  const double rate = optim.learning_rate;
  if (!is_given(given, "learning_rate")) {
    messages->warn(
        "learning_rate",
        fmt::format("not given; the default {} hardly trains. 1e-4 (AdamW) or 2e-5 (Lion) are "
                    "usual for LoKr",
                    rate),
        "M19");
  }
  if (rate <= 0) {
    messages->error("learning_rate", fmt::format("must be above 0, is {}. 1e-4 is usual", rate),
                    "C05");
  } else if (rate > 1) {
    messages->error("learning_rate", fmt::format("{} is above 1. 1e-4 is usual", rate), "C05");
  } else if (rate > kHigh) {
    messages->warn("learning_rate", fmt::format("{} is very high; 1e-4 is usual", rate), "C05");
  } else if (is_lion(optim.optimizer) && rate >= kHighForLion) {
    messages->warn("learning_rate", fmt::format("{} is high for Lion; 2e-5 is usual", rate), "M20");
  }
}

void check_optimizer(const OptimConfig& optim, Messages* messages) {
  if (optim.optimizer_beta1.has_value() != optim.optimizer_beta2.has_value()) {
    messages->error(optim.optimizer_beta1 ? "optimizer_beta2" : "optimizer_beta1",
                    "Both --optimizer_beta1 and --optimizer_beta2 should be provided", "C09");
  }
  const OptimizerSettings settings = optimizer_settings(optim);
  for (const auto& [key, text] : settings.problems) messages->error(key, text, "1.4.6");
  for (const auto& [key, text] : settings.without_effect) messages->warn(key, text, "1.4.6");
}

// Schedules whose "warm-up" is the half-period of a wave.
void check_wave(const Config& config, Messages* messages) {
  const OptimConfig& optim = config.optim;
  const std::string& name = optim.lr_scheduler;
  if (name != "sine" && name != "cosine" && name != "cosine_with_restarts") return;
  const int64_t half_period = optim.lr_warmup_steps;
  const int64_t steps = config.train.max_train_steps;
  if (half_period <= 0) {
    if (name == "cosine") return;
    messages->error(
        "lr_warmup_steps",
        fmt::format("lr_scheduler {} uses lr_warmup_steps as its half-period; give a value > 0",
                    name),
        "C07");
  } else if (half_period < steps / 4) {
    messages->notice(
        fmt::format("lr_warmup_steps={} is the half-period of the {} wave; the rate will rise "
                    "and fall {} times in {} steps",
                    half_period, name, steps / (2 * half_period), steps),
        "M21");
  }
}

void check_schedule(const Config& config, Messages* messages) {
  const OptimConfig& optim = config.optim;
  const std::string& name = optim.lr_scheduler;
  if (name == "polynomial" && optim.lr_end >= optim.learning_rate) {
    messages->error("lr_end",
                    fmt::format("{} must be below learning_rate {} with lr_scheduler polynomial",
                                optim.lr_end, optim.learning_rate),
                    "C06");
  }
  check_wave(config, messages);
  const int64_t steps = config.train.max_train_steps;
  if (steps <= 0 || optim.lr_warmup_steps < steps) return;
  const std::string text =
      fmt::format("{} is not below max_train_steps={}", optim.lr_warmup_steps, steps);
  if (name == "linear" || name == "polynomial" || starts_with(name, "warmup_")) {
    messages->error("lr_warmup_steps", text + ". Give a smaller value", "C08");
  } else if (name == "constant_with_warmup") {
    messages->warn("lr_warmup_steps", text + ": the full learning rate is never reached", "C08");
  }
}

// Keys of the kind of adapter that is not trained. Those at their defaults are no wish.
void check_adapter_keys(const AdapterConfig& adapter, Messages* messages) {
  const AdapterConfig usual;
  const bool standard = adapter.lora_type == "standard";
  const auto warn = [&](const char* key, bool given) {
    if (!given) return;
    messages->warn(key,
                   fmt::format("no effect with lora_type {}; leave it out, or set lora_type to {}",
                               adapter.lora_type, standard ? "lycoris" : "standard"),
                   "M10");
  };
  warn("lycoris_config", standard && !adapter.lycoris_config.empty());
  warn("lora_rank", !standard && adapter.lora_rank != usual.lora_rank);
  warn("lora_alpha", !standard && adapter.lora_alpha.has_value());
  warn("lora_dropout", !standard && adapter.lora_dropout != usual.lora_dropout);
  warn("lora_init_type", !standard && adapter.lora_init_type != usual.lora_init_type);
  warn("use_rslora", !standard && adapter.use_rslora);
  warn("peft_lora_target_modules", !standard && !adapter.peft_lora_target_modules.empty());
}

}  // namespace

void check_training_rules(const Json& given, const Config& config, Messages* messages) {
  check_length(given, config.train, messages);
  check_rate(given, config.optim, messages);
  check_optimizer(config.optim, messages);
  check_schedule(config, messages);
  const OptimConfig& optim = config.optim;
  constexpr double kSmallNorm = 0.1;
  if (optim.grad_clip_method == "norm" && optim.max_grad_norm > 0 &&
      optim.max_grad_norm < kSmallNorm) {
    messages->warn(
        "max_grad_norm",
        fmt::format("a global norm limit of {} scales almost every step; 0.01 is usual with "
                    "grad_clip_method=value",
                    optim.max_grad_norm),
        "M23");
  }
  if (config.data.caption_dropout_probability == 0) {
    messages->notice(
        "caption_dropout_probability is 0: guidance works better after training with 0.1", "C51");
  }
}

bool computes_in_bf16(const ModelConfig& model) {
  const bool quantised = model.base_model_precision != "no_change";
  return model.mixed_precision != "no" || (quantised && model.base_model_default_dtype == "bf16");
}

void check_model_rules(const Json& given, const Config& config, Messages* messages) {
  const ModelConfig& model = config.model;
  if (model.model_type == "lora") check_adapter_keys(config.adapter, messages);
  if (model.model_type == "full" && !config.adapter.init_lora.empty()) {
    messages->error(
        "init_lora",
        "begins an adapter, but model_type full has none. Leave it out; to begin at a "
        "model with the adapter merged into it, write that with \"omnigen-dist export\"",
        "1.8");
  }
  if (config.optim.optimizer == "adamw_bf16" && !computes_in_bf16(model)) {
    messages->error(
        "optimizer",
        "Model is not using bf16 precision, but the optimizer adamw_bf16 requires it. Set "
        "mixed_precision to bf16, or choose torch-adamw",
        "C10");
  }
  if (model.model_type == "full" && model.base_model_precision != "no_change") {
    const std::string text = fmt::format(
        "{} with model_type full: only adapters can train on quantised weights. Set no_change",
        model.base_model_precision);
    if (config.train.i_know_what_i_am_doing) {
      messages->warn("base_model_precision", text + "; the weights are left unquantised", "C18");
    } else {
      messages->error("base_model_precision", text, "C18");
    }
  }
  if (model.base_model_precision != "no_change" && model.base_model_default_dtype == "fp32" &&
      model.mixed_precision != "no") {
    messages->warn("base_model_default_dtype",
                   fmt::format("fp32 has no effect with mixed_precision {}; set that to no",
                               model.mixed_precision),
                   "10.2");
  }
  if (is_given(given, "custom_tracker") != has_word(config.log.report_to, "custom-tracker")) {
    messages->error("custom_tracker", "belongs with report_to custom-tracker. Give both or neither",
                    "C36");
  }
  if (is_given(given, "validation_adapter_path") && is_given(given, "validation_adapter_config")) {
    messages->error("validation_adapter_path", "excludes validation_adapter_config. Give one",
                    "C37");
  }
  if (is_given(given, "deepspeed_config") && is_given(given, "fsdp_enable")) {
    messages->error("deepspeed_config", "excludes fsdp_enable. Give neither", "C39");
  }
}

}  // namespace omnigen::config
