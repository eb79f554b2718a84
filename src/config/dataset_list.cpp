#include "config/dataset_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/dataset_entry.h"
#include "config/dataset_keys.h"
#include "config/dataset_masks.h"
#include "config/other_keys.h"
#include "config/text.h"
#include "config/value.h"
#include "util/error.h"

namespace omnigen::config {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFileKey = "data_backend_config";

std::string text_of(const Json& entry, const char* key) {
  std::string text;
  if (entry.contains(key)) assign(entry.at(key), &text);
  return text;
}

bool is_disabled(const Json& entry, Messages* messages) {
  for (const char* key : {"disabled", "disable"}) {
    if (!entry.contains(key) || is_unset(entry.at(key))) continue;
    bool disabled = false;
    const std::string problem = assign(entry.at(key), &disabled);
    if (!problem.empty()) {
      messages->error(fmt::format("dataset \"{}\": {}", text_of(entry, "id"), key), problem, "E05");
    }
    if (disabled) return true;
  }
  return false;
}

void apply_option(const std::string& name, const std::string& value, Json* entries,
                  Messages* messages) {
  const std::string option = "--dataset." + name;
  const size_t dot = name.rfind('.');  // an id may hold dots, a key does not
  if (dot == std::string::npos || dot == 0 || dot + 1 == name.size()) {
    messages->error(option, "is not of the form --dataset.<id>.<key>=value", "1.1");
    return;
  }
  const std::string id = name.substr(0, dot);
  std::vector<std::string> ids;
  for (Json& entry : *entries) {
    ids.push_back(text_of(entry, "id"));
    if (ids.back() != id) continue;
    Json parsed = Json::parse(value, nullptr, false);  // lists and objects; anything else is text
    const std::string key = canonical_dataset_key(name.substr(dot + 1));
    for (auto item = entry.begin(); item != entry.end();) {
      item = canonical_dataset_key(item.key()) == key ? entry.erase(item) : std::next(item);
    }
    entry[key] = parsed.is_structured() ? std::move(parsed) : Json(value);
    return;
  }
  const std::string near = nearest(id, ids);
  messages->error(
      option,
      fmt::format("no data set has the id \"{}\"; there are {}{}", id, fmt::join(ids, ", "),
                  near.empty() ? "" : fmt::format(". Did you mean \"{}\"?", near)),
      "E03");
}

// Path components, so that ".../omnigen-eval" is not inside ".../omnigen".
bool is_inside(const fs::path& inner, const fs::path& outer) {
  const auto [at_outer, at_inner] =
      std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return at_outer == outer.end() && at_inner != inner.end();
}

fs::path canonical(const std::string& name) {
  const fs::path path = fs::weakly_canonical(fs::absolute(name));
  return path.has_filename() ? path : path.parent_path();
}

void check_pair(const DatasetConfig& a, const DatasetConfig& b, Messages* messages) {
  const fs::path cache_a = canonical(a.cache_dir_vae);
  const fs::path cache_b = canonical(b.cache_dir_vae);
  const std::string both = fmt::format("datasets \"{}\" and \"{}\"", a.id, b.id);
  if (cache_a == cache_b) {
    messages->error(
        both,
        fmt::format("use the same cache_dir_vae {}{}. Give each its own", cache_a.string(),
                    a.resolution != b.resolution ? " but differ in resolution" : ""),
        "E07");
  } else if (is_inside(cache_a, cache_b) || is_inside(cache_b, cache_a)) {
    messages->warn(both,
                   fmt::format("one cache_dir_vae is inside the other: {} and {}", cache_a.string(),
                               cache_b.string()),
                   "E08");
  }
}

void check_roles(const std::vector<DatasetConfig>& datasets, const Json& entries,
                 Messages* messages) {
  std::vector<std::string> listed;
  bool any_image = false;
  bool any_drawn = false;
  bool any_ordinary = false;
  for (const DatasetConfig& dataset : datasets) {
    listed.push_back(fmt::format("{} ({})", dataset.id, dataset.dataset_type));
    any_image = any_image || dataset.dataset_type == "image";
    any_drawn = any_drawn || dataset.is_trained();
    any_ordinary = any_ordinary || (dataset.is_trained() && !dataset.is_regularisation_data);
  }
  if (!any_image) {
    messages->error(
        kFileKey,
        fmt::format("no enabled dataset of type image; {} listed: {}. Add one to train on",
                    entries.size(), fmt::join(listed, ", ")),
        "E02");
  } else if (!any_drawn) {
    messages->error(kFileKey, "every training dataset has probability 0. Give one at least 1",
                    "E49");
  } else if (!any_ordinary) {
    messages->error(
        kFileKey,
        "every training dataset has is_regularisation_data. At least one must be without it",
        "C52");
  }
}

void check_text_embeds(const std::vector<DatasetConfig>& datasets, Messages* messages) {
  std::vector<std::string> ids;
  std::vector<std::string> defaults;
  for (const DatasetConfig& dataset : datasets) {
    if (dataset.dataset_type != "text_embeds") continue;
    ids.push_back(dataset.id);
    if (dataset.is_default) defaults.push_back(dataset.id);
  }
  if (defaults.size() > 1) {
    messages->error(kFileKey,
                    fmt::format("Only one text embed backend can be marked as default; {} are",
                                fmt::join(defaults, ", ")),
                    "E44");
  } else if (ids.size() > 1 && defaults.empty()) {
    messages->error(kFileKey,
                    fmt::format("of the text_embeds entries {} one needs \"default\": true",
                                fmt::join(ids, ", ")),
                    "C47");
  } else if (ids.empty()) {
    messages->notice("no text_embeds dataset; OmniGen needs none", "C47");
  }
}

void set_default_dirs(const Config& globals, std::vector<DatasetConfig>* datasets) {
  const fs::path output = globals.train.output_dir;
  const std::string& family = globals.model.model_family;
  for (DatasetConfig& dataset : *datasets) {
    if (dataset.has_cache() && dataset.cache_dir_vae.empty()) {
      const fs::path parent = globals.cache.cache_dir_vae.empty()
                                  ? output / "cache/vae" / family
                                  : fs::path(globals.cache.cache_dir_vae);
      dataset.cache_dir_vae = (parent / dataset.id).string();
    }
    if (dataset.dataset_type == "text_embeds" && dataset.cache_dir.empty()) {
      dataset.cache_dir = globals.cache.cache_dir_text.empty()
                              ? (output / "cache/text" / family).string()
                              : globals.cache.cache_dir_text;
    }
    while (dataset.instance_data_dir.size() > 1 && dataset.instance_data_dir.back() == '/') {
      dataset.instance_data_dir.pop_back();
    }
  }
}

}  // namespace

Json prepare_entries(const Json& file, const Config& globals, const DatasetOptions& options,
                     const Environment& environment, Messages* messages) {
  Json entries = Json::array();
  if (!file.is_array()) {
    messages->error(kFileKey, fmt::format("expected a list of datasets, found {}", quoted(file)),
                    "E01");
    return entries;
  }
  if (file.empty()) {
    messages->error(kFileKey, "the list of datasets is empty. Must provide at least one dataset",
                    "E02");
  }
  for (const Json& item : file) {
    if (!item.is_object()) {
      messages->error(kFileKey,
                      fmt::format("expected an object for each dataset, found {}", quoted(item)),
                      "E01");
      continue;
    }
    Json entry = Json::object();
    for (const auto& [key, value] : item.items()) {
      if (!is_comment_key(key)) entry[key] = value;
    }
    entries.push_back(std::move(entry));
  }
  for (const auto& [name, value] : options) apply_option(name, value, &entries, messages);
  Json enabled = Json::array();
  for (const Json& entry : entries) {
    if (!is_disabled(entry, messages))
      enabled.push_back(fill_placeholders(entry, globals, environment));
  }
  return enabled;
}

std::vector<DatasetConfig> load_datasets(const Json& entries, const Config& globals,
                                         Messages* messages) {
  check_ids(entries, messages);
  std::vector<DatasetConfig> read;
  for (const Json& entry : entries) read.push_back(read_dataset(entry, globals, messages));
  set_default_dirs(globals, &read);
  for (const DatasetConfig& dataset : read) {
    if (dataset.holds_images() && dataset.instance_data_dir.empty()) {
      messages->error(fmt::format("dataset \"{}\": instance_data_dir", dataset.id),
                      "is missing. Name the folder of the images", "E09");
    }
  }
  check_roles(read, entries, messages);
  check_windows(read, messages);
  check_text_embeds(read, messages);
  check_cache_dirs(read, messages);
  check_masks(read, messages);
  std::vector<DatasetConfig> ordered;
  for (const size_t index : dataset_order(read, messages)) ordered.push_back(read[index]);
  return ordered;
}

void check_ids(const Json& entries, Messages* messages) {
  std::map<std::pair<std::string, std::string>, size_t> seen;  // (kind of pool, id) -> position
  size_t position = 0;
  for (const Json& entry : entries) {
    ++position;
    if (is_disabled(entry, messages)) continue;
    const std::string id = text_of(entry, "id");
    if (id.empty()) {
      messages->error(
          kFileKey,
          fmt::format("Each dataset needs a unique 'id' field; number {} has none", position),
          "E06");
      continue;
    }
    const std::string role = lower(text_of(entry, "dataset_type"));
    const bool is_store = role == "text_embeds" || role == "image_embeds";
    const auto [earlier, added] = seen.emplace(std::pair(is_store ? role : "images", id), position);
    if (added) continue;
    messages->error(
        kFileKey,
        fmt::format("Each dataset needs a unique 'id' field; numbers {} and {} are both \"{}\"",
                    earlier->second, position, id),
        "C47");
  }
}

void check_windows(const std::vector<DatasetConfig>& datasets, Messages* messages) {
  std::vector<std::string> windows;
  for (const DatasetConfig& dataset : datasets) {
    if (!dataset.is_trained()) continue;
    if (dataset.start_epoch <= 1 && dataset.start_step <= 1) return;
    windows.push_back(fmt::format("{} from epoch {}, step {}", dataset.id, dataset.start_epoch,
                                  dataset.start_step));
  }
  if (windows.empty()) return;
  messages->error(
      kFileKey,
      fmt::format("no training dataset is active at the start: {}. One needs start_epoch 1 "
                  "and start_step 0",
                  fmt::join(windows, "; ")),
      "E45");
}

std::vector<size_t> dataset_order(const std::vector<DatasetConfig>& datasets, Messages* messages) {
  // sources[i]: what must come before i
  std::vector<std::set<std::string>> sources(datasets.size());
  for (size_t i = 0; i < datasets.size(); ++i) {
    const DatasetConfig& dataset = datasets[i];
    if (!dataset.source_dataset_id.empty()) sources[i].insert(dataset.source_dataset_id);
    for (const std::string& id : dataset.conditioning_data) {
      for (size_t k = 0; k < datasets.size(); ++k) {
        if (datasets[k].id == id && k != i) sources[k].insert(dataset.id);
      }
    }
  }
  std::vector<size_t> order;
  std::vector<bool> placed(datasets.size(), false);
  const auto waits_for = [&](const std::string& id) {
    for (size_t k = 0; k < datasets.size(); ++k) {
      if (datasets[k].id == id && !placed[k]) return true;
    }
    return false;
  };
  while (order.size() < datasets.size()) {
    size_t next = 0;
    while (next < datasets.size() &&
           (placed[next] || std::any_of(sources[next].begin(), sources[next].end(), waits_for))) {
      ++next;
    }
    if (next == datasets.size()) {
      messages->error(kFileKey, "conditioning datasets refer to each other in a circle", "E05");
      return order;
    }
    placed[next] = true;
    order.push_back(next);
  }
  return order;
}

void check_cache_dirs(const std::vector<DatasetConfig>& datasets, Messages* messages) {
  for (size_t i = 0; i < datasets.size(); ++i) {
    const DatasetConfig& dataset = datasets[i];
    if (!dataset.has_cache()) continue;
    const fs::path cache = canonical(dataset.cache_dir_vae);
    for (size_t k = 0; k < datasets.size(); ++k) {
      const DatasetConfig& other = datasets[k];
      if (other.holds_images()) {
        if (k > i && other.has_cache()) check_pair(dataset, other, messages);
        if (other.instance_data_dir.empty()) continue;
        const fs::path images = canonical(other.instance_data_dir);
        if (cache != images && !is_inside(cache, images)) continue;
        messages->error(fmt::format("dataset \"{}\": cache_dir_vae", dataset.id),
                        fmt::format("{} is inside the images of \"{}\", {}. Put it elsewhere",
                                    cache.string(), other.id, images.string()),
                        "E07");
      } else if (other.dataset_type == "text_embeds" && canonical(other.cache_dir) == cache) {
        messages->error(fmt::format("dataset \"{}\": cache_dir_vae", dataset.id),
                        fmt::format("{} is also the cache_dir of \"{}\". Give each its own",
                                    cache.string(), other.id),
                        "E07");
      }
    }
  }
}

void find_image_dirs(const fs::path& config_dir, std::vector<DatasetConfig>* datasets,
                     Messages* messages) {
  constexpr const char* kExample = "pseudo-camera-10k";
  std::vector<std::string> missing;
  for (DatasetConfig& dataset : *datasets) {
    if (!dataset.holds_images() || dataset.instance_data_dir.empty()) continue;
    const std::string name = dataset.instance_data_dir;
    const Located located = locate_folder(name, config_dir);
    const std::string where = fmt::format("dataset \"{}\": instance_data_dir", dataset.id);
    if (located.found && fs::is_directory(located.path)) {
      if (located.beside_config) {
        messages->notice(
            fmt::format("{} {} is not there, using {}", where, name, located.path.string()), "1.1");
        dataset.instance_data_dir = located.path.string();
      }
      continue;
    }
    std::string line =
        fmt::format("{}: {}", where,
                    located.found ? fmt::format("{} is no folder", name) : located.missing_text());
    if (!located.found && !fs::exists(fs::absolute(name).parent_path())) {
      line += "; its parent folder does not exist either";
    }
    if (dataset.id.find(kExample) != std::string::npos ||
        name.find(kExample) != std::string::npos) {
      line += fmt::format(
          ". {0} can be fetched with: hf download --repo-type=dataset bghira/{0} "
          "--local-dir=datasets/{0} (older clients: huggingface-cli download ...)",
          kExample);
    }
    missing.push_back(line + (located.found ? " [E10]" : " [M28]"));
  }
  if (missing.empty()) return;
  throw util::DataError(fmt::format("{}\n{} image folder{} missing; nothing was started",
                                    fmt::join(missing, "\n"), missing.size(),
                                    missing.size() == 1 ? "" : "s"));
}

}  // namespace omnigen::config
