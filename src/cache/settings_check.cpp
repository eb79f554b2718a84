#include "cache/settings_check.h"

#include <fmt/format.h>

#include "cache/build.h"
#include "cache/vae_identity.h"
#include "data/source_settings.h"
#include "util/error.h"

namespace omnigen::cache {

void require_current_settings(const config::Config& config, const config::DatasetConfig& dataset,
                              const std::vector<config::DatasetConfig>& datasets,
                              const data::CacheIndex& index, const std::string& build_command) {
  const data::Fingerprints& cached = index.fingerprints;
  std::vector<std::string> differences = data::differing_members(
      cached.image, data::image_fingerprint(data::source_settings(config, dataset)));
  for (const auto& line :
       data::differing_members(cached.vae, vae_fingerprint(vae_settings(config), index))) {
    differences.push_back(line);
  }
  if (!differences.empty()) {
    throw util::DataError(mismatch_message(dataset.id, dataset.cache_dir_vae,
                                           "was made with other settings", differences));
  }
  const std::filesystem::path model = config.model.pretrained_model_name_or_path;
  differences =
      data::differing_members(cached.text, data::text_fingerprint(data::tokenizer_folder(model)));
  const auto filters = data::caption_filter_list(dataset, datasets);
  for (const auto& line :
       data::differing_members(cached.caption, data::caption_fingerprint(dataset, filters))) {
    differences.push_back(line);
  }
  if (differences.empty()) return;
  std::string message = fmt::format(
      "data set '{}': the captions in the cache were made with other settings:", dataset.id);
  for (const std::string& line : differences) message += "\n  " + line;
  throw util::DataError(message + "\nrun: " + build_command + " (no image is encoded again)");
}

}  // namespace omnigen::cache
