#include "config/rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ctime>
#include <random>

#include "config/assign_keys.h"
#include "config/optimizer_settings.h"
#include "config/text.h"

namespace omnigen::config {
namespace {

constexpr int64_t kMaxRandomSeed = int64_t{1} << 30;

void settle_seed(Config* config, Messages* messages) {
  int64_t& seed = config->train.seed;
  if (seed == 0) {
    seed = static_cast<int64_t>(std::time(nullptr));
    messages->notice(
        fmt::format("seed 0 is the current time, {}; give that to repeat the run", seed), "2.10");
  } else if (seed == -1) {
    std::random_device device;
    seed = std::uniform_int_distribution<int64_t>(1, kMaxRandomSeed - 1)(device);
    messages->notice(fmt::format("seed -1 drew {}; give that to repeat the run", seed), "2.10");
  }
}

void settle_length(const Json& given, Config* config, Messages* messages) {
  TrainConfig& train = config->train;
  if (train.max_train_steps <= 0 || is_given(given, "num_train_epochs")) return;
  train.num_train_epochs = 0;
  messages->notice(fmt::format("num_train_epochs not given, using 0 because max_train_steps={}",
                               train.max_train_steps),
                   "C01");
}

void settle_nonfinite(Config* config) {
  constexpr int64_t kSkipped = 10;
  TrainConfig& train = config->train;
  if (train.skip_nonfinite_steps && train.max_nonfinite_steps == 0) {
    train.max_nonfinite_steps = kSkipped;
  }
}

void settle_schedule(Config* config, Messages* messages) {
  OptimConfig& optim = config->optim;
  if (optim.lr_scheduler == "constant" && optim.lr_warmup_steps > 0) {
    optim.lr_scheduler = "constant_with_warmup";
    messages->notice(fmt::format("lr_scheduler constant with lr_warmup_steps={}: using "
                                 "constant_with_warmup",
                                 optim.lr_warmup_steps),
                     "1.3");
  }
}

// SimpleTuner's table of optimizers fixes their rate to 1.
void settle_rate(const Json& given, OptimConfig* optim, Messages* messages) {
  if (!finds_own_rate(optim->optimizer)) return;
  if (is_given(given, "learning_rate") && optim->learning_rate != 1) {
    messages->warn("learning_rate",
                   fmt::format("{} is not used: {} finds its own rate, and takes 1 as its factor",
                               optim->learning_rate, optim->optimizer),
                   "C05");
  }
  optim->learning_rate = 1;
  optim->lr_scale = false;
  optim->lr_scale_sqrt = false;
}

bool evaluates_losses(const ValidateConfig& validate) {
  const bool scheduled = validate.eval_steps_interval > 0 || validate.eval_epoch_interval > 0;
  return scheduled && !validate.eval_loss_disable;
}

}  // namespace

void settle(const Json& given, Config* config, Messages* messages) {
  const auto tell = [&](const char* key, const std::string& value, const char* id) {
    if (is_given(given, key)) return;
    messages->notice(fmt::format("{} not given, using {}", key, value), id);
  };
  tell("model_family", config->model.model_family, "M11");
  tell("model_type", config->model.model_type, "1.4.1");
  if (config->model.model_type == "lora") tell("lora_type", config->adapter.lora_type, "C25");
  tell("seed", fmt::format("{}", config->train.seed), "2.10");
  settle_seed(config, messages);
  settle_length(given, config, messages);
  settle_nonfinite(config);
  settle_schedule(config, messages);
  settle_rate(given, &config->optim, messages);
}

void check_data_rules(const Config& config, Messages* messages) {
  constexpr double kMostMegapixels = 5;
  constexpr double kFewestPixels = 512;
  constexpr double kLikelyMegapixels = 64;
  const DataConfig& data = config.data;
  if (data.maximum_image_size.value_or(0) > 0 && data.target_downsample_size.value_or(0) <= 0) {
    messages->error("maximum_image_size",
                    "When providing --maximum_image_size, you must also provide a value for "
                    "--target_downsample_size",
                    "C12");
  }
  const auto check = [&](const char* key, double size, bool limited) {
    if (size <= 0) return;
    if (limited && data.resolution_type == "area" && size > kMostMegapixels) {
      messages->error(
          key,
          fmt::format("You may have accidentally entered {} pixels, instead of megapixels. "
                      "Write megapixels, or set resolution_type to pixel_area",
                      size),
          "C13");
    }
    if (limited && data.resolution_type == "pixel" && size < kFewestPixels) {
      messages->error(
          key,
          fmt::format("You may have accidentally entered {} megapixels, instead of pixels. "
                      "Write pixels, or set resolution_type to area",
                      size),
          "C14");
    }
    if (data.resolution_type == "pixel_area" && size < kLikelyMegapixels) {
      messages->warn(
          key,
          fmt::format("{0} with resolution_type pixel_area means {0}x{0} pixels; that looks "
                      "like megapixels",
                      size),
          "C15");
    }
  };
  check("resolution", data.resolution, false);
  check("minimum_image_size", data.minimum_image_size.value_or(0), false);
  check("maximum_image_size", data.maximum_image_size.value_or(0), true);
  check("target_downsample_size", data.target_downsample_size.value_or(0), true);

  constexpr int64_t kPatch = 16;
  if (data.aspect_bucket_alignment < kPatch || data.aspect_bucket_alignment % kPatch != 0) {
    messages->error(
        "aspect_bucket_alignment",
        fmt::format("{} is no multiple of 16, and OmniGen's patches are 16 pixels wide. Write "
                    "16, 32 or 64",
                    data.aspect_bucket_alignment),
        "C42");
  }
  if (config.cache.metadata_update_interval < 60) {
    messages->error("metadata_update_interval",
                    fmt::format("Metadata update interval must be at least 60 seconds, is {}",
                                config.cache.metadata_update_interval),
                    "C16");
  }
}

void check_validation_rules(const Json& given, const Config& config, Messages* messages) {
  const ValidateConfig& validate = config.validate;
  const bool renders = !validate.validation_disable && (validate.validation_step_interval > 0 ||
                                                        validate.validation_epoch_interval > 0);
  if (renders && !is_given(given, "validation_guidance")) {
    messages->notice(
        fmt::format("validation_guidance not given, using {}; 2.5 to 3.0 suits OmniGen",
                    validate.validation_guidance),
        "M18");
  }
  const int64_t steps = config.train.max_train_steps;
  if (renders && steps > 0 && validate.validation_step_interval > steps &&
      validate.validation_epoch_interval == 0) {
    messages->notice(
        fmt::format("validation_step_interval={} is beyond max_train_steps={}: images only at "
                    "the end",
                    validate.validation_step_interval, steps),
        "C46");
  }
  const bool evaluates = evaluates_losses(validate);
  if (evaluates && config.log.report_to == "none") {
    messages->notice(
        "evaluation losses go to the log and to metrics.jsonl, since report_to is none", "C32");
  }
}

void check_evaluation_sets(const Config& config, const std::vector<DatasetConfig>& datasets,
                           Messages* messages) {
  const ValidateConfig& validate = config.validate;
  std::vector<std::string> ids;
  for (const DatasetConfig& dataset : datasets) {
    if (dataset.is_eval()) ids.push_back(dataset.id);
  }
  if (!validate.eval_dataset_id.empty() &&
      std::find(ids.begin(), ids.end(), validate.eval_dataset_id) == ids.end()) {
    messages->error("eval_dataset_id",
                    fmt::format("\"{}\" is no dataset of type eval; there are: {}",
                                validate.eval_dataset_id, fmt::join(ids, ", ")),
                    "E50");
  }
  const bool evaluates = evaluates_losses(validate);
  // A warning: the quickstart's own configuration has the interval beside a data-set file without
  // an evaluation set.
  if (evaluates && ids.empty()) {
    messages->warn("eval_steps_interval",
                   fmt::format("{}, but no dataset has \"dataset_type\": \"eval\", so there is no "
                               "evaluation loss. Add one with images that are not trained on",
                               validate.eval_steps_interval),
                   "C30");
  }
  if (!evaluates && !ids.empty() && !validate.eval_loss_disable) {
    messages->warn("eval_steps_interval",
                   fmt::format("not given, so the evaluation datasets {} are not used. Set it",
                               fmt::join(ids, ", ")),
                   "C31");
  }
}

}  // namespace omnigen::config
