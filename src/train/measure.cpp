#include "train/measure.h"

#include <fmt/format.h>

#include "cache/vae_identity.h"
#include "optim/evaluation_mode.h"
#include "train/run_setup.h"
#include "util/log.h"
#include "util/stopwatch.h"
#include "validate/evaluator.h"

namespace omnigen::train {

Measure::Measure(Parts parts, validate::ValidateOptions options)
    : parts_(std::move(parts)), validator_(std::move(options), parts_.group) {}

bool Measure::renders() const {
  return !parts_.config.validate.validation_disable && !validator_.options().prompts.empty() &&
         !validator_.options().resolutions.empty();
}

model::Autoencoder& Measure::autoencoder() {
  if (!autoencoder_) {
    const config::ModelConfig& config = parts_.config.model;
    autoencoder_ =
        model::load_autoencoder(cache::vae_folder(config), vae_placement(config, parts_.device));
    autoencoder_->set_options(validator_.options().autoencoder);
  }
  return *autoencoder_;
}

void Measure::release_autoencoder() {
  if (!parts_.config.model.keep_vae_loaded) autoencoder_.reset();
}

void Measure::render_benchmarks() {
  if (!renders() || parts_.config.validate.disable_benchmark) return;
  validator_.render_benchmarks({parts_.transformer, autoencoder(), &parts_.adapters});
  release_autoencoder();
}

void Measure::validate(int64_t step) {
  if (!renders()) return;
  const optim::EvaluationMode evaluation(parts_.optimizer);
  validate::EmaSwap swap;
  if (parts_.ema != nullptr) {
    swap = {[this] { parts_.ema->enter(); }, [this] { parts_.ema->leave(); }};
  }
  const auto result =
      validator_.run(step, {parts_.transformer, autoencoder(), &parts_.adapters}, swap);
  release_autoencoder();
  for (const validate::ValidationImage& image : result.images) {
    parts_.metrics.image(image.tag, step, image.png, static_cast<int>(image.picture_width),
                         static_cast<int>(image.picture_height));
  }
  parts_.metrics.flush();
}

std::map<std::string, double> Measure::evaluate_weights(int64_t step, const std::string& series) {
  const config::ValidateConfig& config = parts_.config.validate;
  std::map<std::string, double> values;
  std::vector<validate::EvalResult> results;
  for (const data::DatasetPtr& dataset : parts_.eval_sets) {
    if (!config.eval_dataset_id.empty() && dataset->id() != config.eval_dataset_id) continue;
    results.push_back(validate::evaluate(parts_.transformer, *dataset,
                                         {config.num_eval_images, config.eval_timesteps},
                                         parts_.group));
    if (parts_.group.is_root()) {
      util::log::info(validate::eval_line(step, series + dataset->id(), results.back()));
    }
    if (!config.eval_dataset_pooling) values[series + dataset->id()] = results.back().mean;
  }
  if (config.eval_dataset_pooling && !results.empty()) {
    values[series + "pooled"] = validate::pooled_mean(results);
  }
  return values;
}

std::map<std::string, double> Measure::evaluate(int64_t step) {
  if (parts_.config.validate.eval_loss_disable || parts_.eval_sets.empty()) return {};
  const optim::EvaluationMode evaluation(parts_.optimizer);
  auto values = evaluate_weights(step, "loss/val/");
  if (parts_.ema != nullptr) {
    parts_.ema->enter();
    values.merge(evaluate_weights(step, "loss/val_ema/"));
    parts_.ema->leave();
  }
  return values;
}

}  // namespace omnigen::train
