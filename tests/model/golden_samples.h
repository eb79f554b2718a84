// The transformer's golden cases as samples of this project.
#pragma once

#include <torch/types.h>

#include <string>

#include "model/packed_sample.h"
#include "support/golden.h"

namespace omnigen::test {

inline model::PackedSample sample_of(const GoldenCase& golden) {
  model::PackedSample sample;
  sample.latent_CHW = golden["latents"].squeeze(0);
  sample.timestep = golden["timestep"].item<float>();
  const at::Tensor ids = golden["input_ids"].flatten().contiguous();
  sample.input_ids.assign(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel());
  if (!golden.has("slots")) return sample;
  const at::Tensor slots = golden["slots"];
  for (int64_t i = 0; i < slots.size(0); ++i) {
    sample.input_images.push_back({golden["input_image_latents." + std::to_string(i)].squeeze(0),
                                   slots[i][0].item<int64_t>(), slots[i][1].item<int64_t>()});
  }
  return sample;
}

// The folder of the model that a golden folder's cases use.
inline std::filesystem::path golden_model(const std::string& folder) {
  return golden_dir() / folder;
}

}  // namespace omnigen::test
