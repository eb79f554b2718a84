#include "config/dataset_keys.h"

#include <fmt/format.h>

#include <map>

#include "config/text.h"
#include "config/value.h"

namespace omnigen::config {
namespace {

const std::map<std::string, std::string> kOtherSpellings = {
    {"disable", "disabled"},
    {"instance_data_root", "instance_data_dir"},
    {"is_regularization_data", "is_regularisation_data"},
    {"text_embed_cache", "text_embeds"}};

// Read before the entry is, or of no influence here. A value that asks for something gives one
// warning.
const std::vector<std::string> kIgnored = {"disabled",
                                           "timestep_sampling_offset",
                                           "ignore_epochs",
                                           "disable_validation",
                                           "image_processing_batch_size",
                                           "read_batch_size",
                                           "cache_file_suffix",
                                           "hash_filenames",
                                           "image_embeds",
                                           "auto_generated",
                                           "shuffle",
                                           "text_encoder_batch_size",
                                           "parquet",
                                           "aspect_bucket_worker_count"};

struct Refused {
  const char* advice;
  bool when_set;  // only a value other than false, empty or null is refused
};

const std::map<std::string, Refused> kRefused = {
    {"conditioning", {"generate the images first and name them with conditioning_data", true}},
    {"conditioning_config",
     {"generate the images first and name them with conditioning_data", true}},
    {"disable_vae_cache", {"the key was removed; use vae_cache_disable", false}},
    {"delete_unwanted_images", {"source files are never deleted here; leave it out", true}},
    {"delete_problematic_images", {"source files are never deleted here; leave it out", true}},
    {"delete_nsfw_images", {"source files are never deleted here; leave it out", true}},
    {"conditioning_image_embeds", {"it is for other models; leave it out", true}},
    {"cache_dir_conditioning_image_embeds", {"it is for other models; leave it out", true}},
    {"conditioning_image_embed_batch_size", {"it is for other models; leave it out", true}},
    {"grounding", {"only image files in a local folder are read", true}},
    {"video", {"only image files in a local folder are read", true}},
    {"audio", {"only image files in a local folder are read", true}},
    {"s2v_datasets", {"only image files in a local folder are read", true}},
    {"webshart", {"only image files in a local folder are read", true}},
    {"huggingface", {"only image files in a local folder are read", true}},
    {"dataset_name", {"only image files in a local folder are read", true}},
    {"split", {"only image files in a local folder are read", true}},
    {"caption_column", {"only image files in a local folder are read", true}},
    {"image_column", {"only image files in a local folder are read", true}}};

constexpr const char* kRefusedPrefixes[] = {"csv_", "aws_", "memory_filesystem_"};

bool asks_for_nothing(const Json& value) {
  if (is_unset(value)) return true;
  if (value.is_object() || value.is_array()) return value.empty();
  bool flag = true;
  return assign(value, &flag).empty() && !flag;
}

}  // namespace

std::string canonical_dataset_key(const std::string& written) {
  const std::string key = replace_all(written, "-", "_");
  const auto found = kOtherSpellings.find(key);
  return found == kOtherSpellings.end() ? key : found->second;
}

bool take_other_dataset_key(const std::string& where, const std::string& key, const Json& value,
                            Messages* messages) {
  const std::string name = fmt::format("{}: {}", where, key);
  const auto refused = kRefused.find(key);
  if (refused != kRefused.end()) {
    if (!refused->second.when_set || !asks_for_nothing(value)) {
      messages->error(name, fmt::format("not supported: {}", refused->second.advice), "E04");
    }
    return true;
  }
  for (const char* prefix : kRefusedPrefixes) {
    if (!starts_with(key, prefix)) continue;
    messages->error(name, "not supported: only image files in a local folder are read", "E04");
    return true;
  }
  for (const std::string& ignored : kIgnored) {
    if (key != ignored) continue;
    const bool quiet = key == "disabled" || (asks_for_nothing(value) && key != "hash_filenames") ||
                       (key == "hash_filenames" && !asks_for_nothing(value));
    if (!quiet) messages->ignored(name);
    return true;
  }
  return false;
}

std::vector<std::string> other_dataset_keys() {
  std::vector<std::string> names = kIgnored;
  for (const auto& [name, refused] : kRefused) names.push_back(name);
  for (const auto& [other, name] : kOtherSpellings) names.push_back(other);
  return names;
}

}  // namespace omnigen::config
