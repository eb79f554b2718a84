// How the images of a data set become pixels for the VAE, and what identifies that way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/dataset_config.h"
#include "config/schema.h"
#include "data/cache_index.h"
#include "data/caption.h"
#include "data/crop_settings.h"
#include "data/image_decode.h"
#include "data/resample.h"

namespace omnigen::data {

struct SourceSettings {
  CropSettings crop;
  DecodeOptions decode;
  ResampleFilter filter = ResampleFilter::kLanczosAa;
  uint64_t seed = 0;  // of random crops and aspects

  // Whether anything is drawn at random.
  [[nodiscard]] bool is_random() const;
};

// Errors: ConfigError naming the data set.
SourceSettings source_settings(const config::Config& config, const config::DatasetConfig& dataset);

// `datasets` holds the text_embeds entries, whose caption_filter_list applies.
// Errors: ConfigError naming the data set.
CaptionSettings caption_settings(const config::Config& config, const config::DatasetConfig& dataset,
                                 const std::vector<config::DatasetConfig>& datasets);

// Folder of tokenizer.json: `<model>/tokenizer`, or the model's own where that is missing.
std::filesystem::path tokenizer_folder(const std::filesystem::path& model);

// F_image: everything that a latent's pixels depend on. The seed counts only where it is used;
// limits that only decide which images belong to the set do not.
Fingerprint image_fingerprint(const SourceSettings& settings);

// F_caption. Captions themselves are compared by content, not by this.
Fingerprint caption_fingerprint(const config::DatasetConfig& dataset,
                                const std::vector<std::string>& filter_list);
// caption_filter_list of the data set's text_embeds entry.
std::vector<std::string> caption_filter_list(const config::DatasetConfig& dataset,
                                             const std::vector<config::DatasetConfig>& datasets);

// F_text: the tokenizer's files in `folder` and the template around a prompt.
// Errors: DataError if tokenizer.json is missing.
Fingerprint text_fingerprint(const std::filesystem::path& folder);

}  // namespace omnigen::data
