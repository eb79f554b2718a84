#include "train/measure.h"

#include <fmt/format.h>

#include "cache/vae_identity.h"
#include "data/image_decode.h"
#include "optim/evaluation_mode.h"
#include "train/run_setup.h"
#include "util/log.h"
#include "util/stopwatch.h"

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

std::vector<validate::ClipScore> Measure::scores_of(
    const std::vector<validate::ValidationImage>& images) const {
  std::vector<validate::ClipScore> scores;
  try {
    validate::ClipScorer scorer(parts_.config.validate.pretrained_evaluation_model_name_or_path,
                                parts_.device);
    for (const validate::ValidationImage& image : images) {
      const auto picture = data::decode_image(image.unstitched_png, image.short_name).image;
      scores.push_back({image.short_name, scorer.score(picture, image.prompt)});
    }
  } catch (const c10::Error& error) {  // such as no memory left on the device
    util::log::error(fmt::format("CLIP scores are left out: {}", error.what_without_backtrace()));
  }
  return scores;
}

void Measure::score(int64_t step, const std::vector<validate::ValidationImage>& images) {
  if (parts_.config.validate.evaluation_type != "clip") return;
  if (parts_.group.is_root()) {
    const util::Stopwatch watch;
    const auto series =
        validate::clip_series(scores_of(images), parts_.config.validate.clip_include_unconditional);
    if (!series.empty()) parts_.metrics.log(step, series);
    if (series.contains("clip/mean")) {
      util::log::info(fmt::format(
          "CLIP score at step {}: mean {:.2f}, from {:.2f} to {:.2f} (of 100), {:.1f} s", step,
          series.at("clip/mean"), series.at("clip/min"), series.at("clip/max"), watch.elapsed_s()));
    }
  }
  parts_.group.barrier();
}

void Measure::render_benchmarks(bool log_scores) {
  if (!renders() || parts_.config.validate.disable_benchmark) return;
  validator_.render_benchmarks({parts_.transformer, autoencoder(), parts_.adapters});
  release_autoencoder();
  if (log_scores) score(0, validator_.benchmark_images());
}

std::vector<validate::ValidationImage> Measure::validate(int64_t step) {
  if (!renders()) return {};
  const optim::EvaluationMode evaluation(parts_.optimizer);
  validate::EmaSwap swap;
  if (parts_.ema != nullptr) {
    swap = {[this] { parts_.ema->enter(); }, [this] { parts_.ema->leave(); }};
  }
  auto result = validator_.run(step, {parts_.transformer, autoencoder(), parts_.adapters}, swap);
  release_autoencoder();
  for (const validate::ValidationImage& image : result.images) {
    parts_.metrics.image(
        {image.tag, step, image.png, image.picture_width, image.picture_height, image.prompt});
  }
  parts_.metrics.flush();
  score(step, result.images);
  return std::move(result.images);
}

}  // namespace omnigen::train
