// Validation images and evaluation losses of a running training.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter_set.h"
#include "comm/process_group.h"
#include "config/schema.h"
#include "data/dataset.h"
#include "model/weight_map.h"
#include "train/ema_weights.h"
#include "train/metrics.h"
#include "validate/validator.h"

namespace omnigen::train {

class Measure {
 public:
  struct Parts {
    const config::Config& config;
    comm::ProcessGroup& group;
    model::OmniGenTransformer& transformer;
    adapter::AdapterSet& adapters;
    at::Device device;
    std::vector<data::DatasetPtr> eval_sets;
    const optim::Optimizer& optimizer;
    EmaWeights* ema;  // null without use_ema
    Metrics& metrics;
  };
  // `options` without prompts or resolutions: no images.
  Measure(Parts parts, validate::ValidateOptions options);

  // Images of the untouched model, before anything is trained or resumed. Collective.
  void render_benchmarks();
  // Renders, saves and logs the images of a step. Collective.
  void validate(int64_t step);
  // `loss/val/<id>` and, with EMA, `loss/val_ema/<id>`. Collective.
  std::map<std::string, double> evaluate(int64_t step);

 private:
  [[nodiscard]] bool renders() const;
  model::Autoencoder& autoencoder();
  void release_autoencoder();
  std::map<std::string, double> evaluate_weights(int64_t step, const std::string& series);

  Parts parts_;
  validate::Validator validator_;
  std::unique_ptr<model::Autoencoder> autoencoder_;
};

}  // namespace omnigen::train
