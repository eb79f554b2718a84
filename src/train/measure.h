// Validation images of a running training, and their scores.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter_set.h"
#include "comm/process_group.h"
#include "config/schema.h"
#include "model/weight_map.h"
#include "train/ema_weights.h"
#include "train/metrics.h"
#include "validate/clip_score.h"
#include "validate/validator.h"

namespace omnigen::train {

class Measure {
 public:
  struct Parts {
    const config::Config& config;
    comm::ProcessGroup& group;
    model::OmniGenTransformer& transformer;
    adapter::AdapterSet* adapters;  // null: the whole model is trained
    at::Device device;
    const optim::Optimizer& optimizer;
    EmaWeights* ema;  // null without use_ema
    Metrics& metrics;
  };
  // `options` without prompts or resolutions: no images.
  Measure(Parts parts, validate::ValidateOptions options);

  // Images of the untouched model, before anything is trained or resumed; their scores are those of
  // step 0 with `log_scores`. Collective.
  void render_benchmarks(bool log_scores);
  // Renders, saves and logs the images of a step; complete on rank 0. Collective.
  std::vector<validate::ValidationImage> validate(int64_t step);

 private:
  [[nodiscard]] bool renders() const;
  model::Autoencoder& autoencoder();
  void release_autoencoder();
  // By rank 0, while the others wait. Collective.
  void score(int64_t step, const std::vector<validate::ValidationImage>& images);
  [[nodiscard]] std::vector<validate::ClipScore> scores_of(
      const std::vector<validate::ValidationImage>& images) const;

  Parts parts_;
  validate::Validator validator_;
  std::unique_ptr<model::Autoencoder> autoencoder_;
};

}  // namespace omnigen::train
