// One image of a validation: prompt, noise and weights -> PNG bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "adapter/adapter_set.h"
#include "model/autoencoder.h"
#include "model/omnigen_transformer.h"
#include "validate/render_plan.h"

namespace omnigen::validate {

struct RenderModels {
  const model::OmniGenTransformer& transformer;
  model::Autoencoder& autoencoder;
  adapter::AdapterSet* adapters = nullptr;  // null where the whole model is trained
};

class ImageRenderer {
 public:
  using Report = std::function<void(const std::string&)>;

  ImageRenderer(const ValidateOptions& options, const RenderModels& models, WeightsKind kind,
                int64_t step)
      : options_(options), models_(models), kind_(kind), step_(step) {}

  // Once more with VAE tiling when the device's memory did not suffice.
  // Errors: whatever the models throw.
  std::string render(const RenderItem& item, const Report& report);

 private:
  [[nodiscard]] std::string render_once(const RenderItem& item, const Report& report) const;

  const ValidateOptions& options_;
  RenderModels models_;
  WeightsKind kind_;
  int64_t step_;
};

}  // namespace omnigen::validate
