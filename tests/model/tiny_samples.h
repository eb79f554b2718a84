// Samples for the models of tiny_models.h, filled by the same hash.
#pragma once

#include <string>

#include "model/packed_sample.h"
#include "model/tiny_models.h"

namespace omnigen::test {

inline model::PackedSample text_sample(const std::string& latent, int64_t height, int64_t width,
                                       double timestep) {
  model::PackedSample sample;
  sample.latent_CHW = hashed_latent(latent, {4, height, width});
  sample.timestep = timestep;
  sample.input_ids = {1, 5, 9, 13, 17};
  return sample;
}

inline model::PackedSample image_sample(const std::string& latent, int64_t height, int64_t width,
                                        double timestep) {
  model::PackedSample sample = text_sample(latent, height, width, timestep);
  sample.input_ids = {1, 5, 9, 0, 0, 0, 0, 13, 17};
  sample.input_images = {{hashed_latent("input_latent", {4, 4, 4}), 3, 7}};
  return sample;
}

}  // namespace omnigen::test
