#include "cache/settings_check.h"

#include <fmt/format.h>

#include "cache/build.h"
#include "cache/vae_identity.h"
#include "data/source_settings.h"
#include "util/error.h"

namespace omnigen::cache {
namespace {

// What the cache drew stays valid when the training run draws with another seed.
std::vector<std::string> differing(data::Fingerprint cached, data::Fingerprint current) {
  cached.members.erase("seed");
  current.members.erase("seed");
  return data::differing_members(cached, current);
}

}  // namespace

void require_current_settings(const config::Config& config, const config::DatasetConfig& dataset,
                              const std::vector<config::DatasetConfig>& datasets,
                              const data::CacheIndex& index, const std::string& build_command) {
  const data::Fingerprints& cached = index.fingerprints;
  std::vector<std::string> differences =
      differing(cached.image, data::image_fingerprint(data::source_settings(config, dataset)));
  const VaeSettings vae = vae_settings(config);
  if (std::filesystem::exists(vae.folder / "config.json")) {
    const auto more = differing(cached.vae, vae_fingerprint(vae, index));
    differences.insert(differences.end(), more.begin(), more.end());
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
