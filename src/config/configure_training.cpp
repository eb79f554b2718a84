// Length, checkpoints, batch, optimizer and the storage of frozen weights.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/configure_wizard.h"
#include "config/optimizer_settings.h"

namespace omnigen::config {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

bool is_lion(const std::string& optimizer) {
  return optimizer.find("lion") != std::string::npos;
}

// Weights and optimizer state, and the average's float32.
double checkpoint_bytes(const Wizard& wizard) {
  const double bytes = wizard.value("use_ema").get<bool>() ? 12 : 8;
  return bytes * static_cast<double>(wizard.num_trained);
}

void ask_checkpoints(Wizard& wizard) {
  const int64_t steps = wizard.total_steps;
  constexpr int64_t kUsual = 500;
  const int64_t usual = steps > 0 && steps < kUsual ? std::max<int64_t>(1, steps / 10) : kUsual;
  wizard.ask_whole(
      "checkpoint_step_interval", "Steps between checkpoints", usual, [steps](int64_t interval) {
        if (interval < 1) return at_least_one(interval);
        if (steps == 0 || interval <= steps) return Complaint::none();
        return Complaint::no(
            fmt::format("the run ends after {} steps, before its first checkpoint", steps));
      });
  const double each = checkpoint_bytes(wizard);
  const auto free =
      wizard.around.free_bytes(wizard.files.config.at("output_dir").get<std::string>());
  wizard.talk.say(fmt::format("  a checkpoint takes about {}{}", gigabytes(each),
                              free ? fmt::format("; {} are free", gigabytes(*free)) : ""));
  wizard.ask_whole("checkpoints_total_limit", "Checkpoints to keep", 5, [&](int64_t number) {
    if (number < 1) return at_least_one(number);
    const double needed =
        static_cast<double>(number + 1) * each;  // the next before the oldest goes
    if (!free || needed <= *free) return Complaint::none();
    return Complaint::doubt(fmt::format("{} checkpoints take about {}, and {} are free", number,
                                        gigabytes(needed), gigabytes(*free)));
  });
}

// Tokens, activations of one sample with gradient checkpointing: a hidden vector for each block and
// the working memory of one block.
double activation_bytes(const Wizard& wizard) {
  constexpr double kHidden = 3072;
  constexpr double kMlp = 8192;
  constexpr double kBlocks = 32;
  const double side = wizard.resolution_pixels / 16;
  const double tokens = side * side + 128;
  return tokens * 2 * (kBlocks * kHidden + 10 * kHidden + 4 * kMlp);
}

double memory_bytes(const Wizard& wizard, double weight_bytes) {
  return weight_bytes * static_cast<double>(wizard.around.num_model_parameters) +
         16.0 * static_cast<double>(wizard.num_trained) +
         static_cast<double>(wizard.micro_batch) * activation_bytes(wizard);
}

void ask_storage(Wizard& wizard) {
  Json& config = wizard.files.config;
  const char* const key = "base_model_precision";
  if (wizard.full) {
    wizard.talk.fixed(key, "no_change",
                      "only adapters can train on quantised weights, and model_type is full");
    config[key] = "no_change";
    return;
  }
  constexpr double kRoomy = 24;
  const double gib = wizard.talk.ask_number(
      {"gpu_memory_gib", "Memory of one GPU in GiB",
       fmt::format("{:.0f}", wizard.around.gpu_gib.value_or(kRoomy))},
      [](double number) {
        return number > 0 ? Complaint::none() : Complaint::no("must be above 0");
      });
  const double element = config.at("mixed_precision") == "no" ? 4 : 2;
  wizard.talk.say(fmt::format(
      "  memory of a GPU: about {:.1f} GiB as it is, {:.1f} GiB with the base in 8 bits",
      memory_bytes(wizard, element) / kGiB, memory_bytes(wizard, 1.03) / kGiB));
  const std::string storage = wizard.choose(key, "Storage of the frozen weights",
                                            gib >= kRoomy ? "no_change" : "int8-quanto");
  if (storage != "no_change") config["quantize_via"] = "cpu";
}

Complaint judge_rate(const Wizard& wizard, const std::string& optimizer, double rate) {
  constexpr double kIdle = 4e-7;  // SimpleTuner's default
  constexpr double kHighForLion = 1e-4;
  constexpr double kHigh = 1e-2;
  if (rate <= 0 || rate > 1) return Complaint::no("must be above 0 and at most 1");
  if (rate <= kIdle) return Complaint::doubt(fmt::format("{} hardly trains", rate));
  if (is_lion(optimizer) && rate >= kHighForLion) {
    return Complaint::doubt(fmt::format("{} is high for Lion; 2e-5 is usual", rate));
  }
  if (rate > kHigh) {
    return Complaint::doubt(
        fmt::format("{} is very high; {} is usual", rate, wizard.full ? "1e-6" : "1e-4"));
  }
  return Complaint::none();
}

double ask_rate(Wizard& wizard, const std::string& optimizer) {
  if (finds_own_rate(optimizer)) {
    wizard.talk.fixed("learning_rate", "1", optimizer + " finds its own rate; its factor is 1");
    wizard.files.config["learning_rate"] = 1.0;
    return 1.0;
  }
  double usual = is_lion(optimizer) ? 2e-5 : 1e-4;
  if (wizard.full) usual = 1e-6;
  return wizard.ask_number("learning_rate", "Learning rate", usual,
                           [&](double rate) { return judge_rate(wizard, optimizer, rate); });
}

// Of these schedules lr_warmup_steps is the half-period of a wave.
void ask_half_period(Wizard& wizard, const std::string& schedule) {
  constexpr int64_t kFlat = 400000;  // longer than any run
  const int64_t steps = wizard.total_steps;
  wizard.ask_whole("lr_warmup_steps", fmt::format("Half-period of the {} wave in steps", schedule),
                   steps > 0 ? steps : kFlat, [=](int64_t number) {
                     if (number < 1) return at_least_one(number);
                     if (number >= steps / 4) return Complaint::none();
                     return Complaint::doubt(fmt::format(
                         "this is no warm-up: the rate will rise and fall {} times in {} steps",
                         steps / (2 * number), steps));
                   });
}

void ask_warmup(Wizard& wizard, const std::string& schedule) {
  constexpr int64_t kUsual = 100;
  const int64_t steps = wizard.total_steps;
  const int64_t usual = steps > 0 ? std::min(kUsual, steps / 10) : kUsual;
  const bool tolerant = schedule == "constant" || schedule == "constant_with_warmup";
  wizard.ask_whole("lr_warmup_steps", "Warm-up steps", usual, [=](int64_t number) {
    if (number < 0) return Complaint::no("must be at least 0");
    if (steps == 0 || number < steps) return Complaint::none();
    const std::string text =
        fmt::format("the run has {} steps, so the full rate is never reached", steps);
    return tolerant ? Complaint::doubt(text) : Complaint::no(text);
  });
}

void ask_schedule(Wizard& wizard, double rate) {
  const std::string schedule =
      wizard.choose("lr_scheduler", "Course of the learning rate", "constant_with_warmup");
  if (schedule == "sine" || schedule == "cosine" || schedule == "cosine_with_restarts") {
    ask_half_period(wizard, schedule);
  } else {
    ask_warmup(wizard, schedule);
  }
  if (schedule != "polynomial") return;
  wizard.ask_number("lr_end", "Rate at the end", 1e-8, [rate](double end) {
    return end >= 0 && end < rate
               ? Complaint::none()
               : Complaint::no(fmt::format("must be at least 0 and below the rate {}", rate));
  });
}

}  // namespace

void ask_length(Wizard& wizard) {
  constexpr const char* kBoth =
      "when the length is in {}, the other way of counting must be 0: give one of the two";
  const std::string unit =
      wizard.talk.choose({"length_in", "Length of the run in steps or epochs",
                          wizard.fallback("max_train_steps", "1") == "0" ? "epochs" : "steps"},
                         {"steps", "epochs"});
  if (unit == "steps") {
    wizard.total_steps = wizard.ask_whole("max_train_steps", "Steps", 10000, at_least_one);
    wizard.talk.fixed("num_train_epochs", "0", fmt::format(kBoth, unit));
    wizard.files.config["num_train_epochs"] = 0;
  } else {
    wizard.ask_whole("num_train_epochs", "Epochs", 100, at_least_one);
    wizard.talk.fixed("max_train_steps", "0", fmt::format(kBoth, unit));
    wizard.files.config["max_train_steps"] = 0;
  }
  ask_checkpoints(wizard);
}

void ask_batch(Wizard& wizard) {
  Interview& talk = wizard.talk;
  wizard.micro_batch =
      wizard.ask_whole("train_batch_size", "Samples of a GPU at a time", 1, at_least_one);
  const int64_t accumulation =
      wizard.ask_whole("gradient_accumulation_steps",
                       "Such batches before a step (1: no accumulation)", 1, at_least_one);
  const int64_t gpus = talk.ask_whole(
      {"num_gpus", "GPUs that will train (for this dialogue's arithmetic)", "1"}, at_least_one);
  wizard.global_batch = wizard.micro_batch * accumulation * gpus;
  talk.say(fmt::format("  effective batch {} = {} per GPU x {} GPUs x {} accumulation",
                       wizard.global_batch, wizard.micro_batch, gpus, accumulation));
  wizard.ask_number("caption_dropout_probability", "Share of samples trained without caption", 0.1,
                    [](double share) {
                      return share >= 0 && share <= 1 ? Complaint::none()
                                                      : Complaint::no("must be from 0 to 1");
                    });
  const std::string type = wizard.choose("resolution_type", "Unit of image sizes", "pixel_area");
  const double size = wizard.ask_number(
      "resolution", "Training size in that unit", type == "area" ? 1.0 : 1024, [&](double number) {
        constexpr double kMostMegapixels = 5;
        if (number <= 0) return Complaint::no("must be above 0");
        if (type == "area" && number > kMostMegapixels) {
          return Complaint::no(fmt::format("{} megapixels look like pixels", number));
        }
        if (type != "area" && number < 64) {
          return Complaint::no(fmt::format("{} pixels look like megapixels", number));
        }
        return Complaint::none();
      });
  wizard.resolution_pixels = type == "area" ? 1000 * std::sqrt(size) : size;
}

void ask_optimizer(Wizard& wizard) {
  const bool tf32 = wizard.talk.confirm("allow_tf32", "Multiply float32 matrices as TF32 on a GPU",
                                        !wizard.fallback_flag("disable_tf32", false));
  if (!tf32) wizard.files.config["disable_tf32"] = true;
  const std::string precision =
      wizard.choose("mixed_precision", "Precision of weights and activations", "bf16");
  std::vector<std::string> without;
  if (precision == "no") without.emplace_back("adamw_bf16");  // it needs bf16 weights
  const std::string optimizer = wizard.choose(
      "optimizer", "Optimizer", without.empty() ? "adamw_bf16" : "torch-adamw", without);
  ask_schedule(wizard, ask_rate(wizard, optimizer));
  ask_storage(wizard);
  wizard.confirm("compress_disk_cache", "Compress captions in the cache", true);
}

}  // namespace omnigen::config
