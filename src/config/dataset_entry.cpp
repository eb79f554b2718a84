#include "config/dataset_entry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "config/dataset_keys.h"
#include "config/dataset_rules.h"
#include "config/dataset_values.h"
#include "config/text.h"
#include "config/value.h"
#include "util/error.h"

namespace omnigen::config {
namespace {

std::string place(const Json& entry) {
  std::string id;
  if (entry.contains("id")) assign(entry.at("id"), &id);
  return fmt::format("dataset \"{}\"", id);
}

// Canonical names; a key given under two spellings is an error.
Json with_canonical_keys(const Json& entry, const std::string& where, Messages* messages) {
  Json result = Json::object();
  for (const auto& [written, value] : entry.items()) {
    const std::string key = canonical_dataset_key(written);
    if (result.contains(key)) {
      messages->error(fmt::format("{}: {}", where, key),
                      fmt::format("given twice, also as \"{}\". Keep one", written), "1.1");
    }
    result[key] = value;
  }
  return result;
}

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  DatasetConfig dataset;
  visit_dataset_keys(dataset,
                     [&](const DatasetKey& key, const auto&) { names.emplace_back(key.name); });
  return names;
}

void refuse_unknown(const Json& entry, const std::string& where, const Config& globals,
                    Messages* messages) {
  const std::vector<std::string> fields = field_names();
  for (const auto& [key, value] : entry.items()) {
    if (std::find(fields.begin(), fields.end(), key) != fields.end()) continue;
    if (take_other_dataset_key(where, key, value, messages)) continue;
    const std::string near = nearest(key, dataset_keys());
    const std::string text =
        fmt::format("unknown key \"{}\"{}", key,
                    near.empty() ? "; docs/config.md lists the keys of a data set"
                                 : fmt::format("; did you mean \"{}\"?", near));
    if (globals.data.strict_dataset_keys) {
      messages->error(where, text, "E03");
    } else {
      messages->warn(where, text, "E03");
    }
  }
}

// Global keys whose value a data set takes over unless it has its own. Sizes have units and are
// inherited with them (dataset_rules).
Json inherited(const Config& globals) {
  Json values = Json::object();
  values["caption_strategy"] = globals.data.caption_strategy;
  if (!globals.data.instance_prompt.empty())
    values["instance_prompt"] = globals.data.instance_prompt;
  values["prepend_instance_prompt"] = globals.data.prepend_instance_prompt;
  values["only_instance_prompt"] = globals.data.only_instance_prompt;
  values["max_workers"] = globals.data.max_workers;
  values["train_batch_size"] = globals.train.train_batch_size;
  values["skip_file_discovery"] = globals.cache.skip_file_discovery;
  values["vae_batch_size"] = globals.cache.vae_batch_size;
  values["vae_cache_ondemand"] = globals.cache.vae_cache_ondemand;
  values["vae_cache_disable"] = globals.cache.vae_cache_disable;
  values["vae_cache_scan_behaviour"] = globals.cache.vae_cache_scan_behaviour;
  values["compress_cache"] = globals.cache.compress_disk_cache;
  values["write_batch_size"] = globals.cache.write_batch_size;
  values["scan_for_errors"] = globals.cache.scan_for_errors;
  values["preserve_data_backend_cache"] = globals.cache.preserve_data_backend_cache;
  values["metadata_update_interval"] = globals.cache.metadata_update_interval;
  return values;
}

// Sets every field of the table that `values` has. Ranges and words are checked of `own` values
// only: the others were, as global keys.
void assign_fields(const Json& values, const Json& own, const std::string& where,
                   DatasetConfig* dataset, Messages* messages) {
  visit_dataset_keys(*dataset, [&](const DatasetKey& key, auto& field) {
    const auto found = values.find(key.name);
    if (found == values.end() || is_unset(*found)) return;
    std::string problem = assign(*found, &field);
    if (problem.empty()) problem = check_field(key.check, &field);
    if (!own.contains(key.name)) return;
    const std::string name = fmt::format("{}: {}", where, key.name);
    const std::string idle = idle_word(key.check, field);
    if (!problem.empty()) {
      messages->error(name, problem, "E05");
    } else if (!idle.empty()) {
      messages->error(
          name, fmt::format("\"{}\" is not available yet; {}", idle, key.check.describe()), "E04");
    }
  });
}

void fill_text(Json* value, const std::vector<std::pair<std::string, std::string>>& replacements,
               const Environment& environment) {
  if (value->is_string()) {
    std::string text = value->get<std::string>();
    for (const auto& [placeholder, replacement] : replacements) {
      text = replace_all(text, placeholder, replacement);
    }
    *value = fill_environment(text, environment, nullptr);
  }
  if (value->is_structured()) {
    for (Json& item : *value) fill_text(&item, replacements, environment);
  }
}

}  // namespace

DatasetConfig read_dataset(const Json& entry, const Config& globals, Messages* messages) {
  const std::string where = place(entry);
  const Json own = with_canonical_keys(entry, where, messages);
  refuse_unknown(own, where, globals, messages);

  DatasetConfig dataset;
  dataset.caption_shuffle.seed = globals.train.seed;
  Json values = inherited(globals);
  for (const auto& [key, value] : own.items()) {
    if (!is_unset(value)) values[key] = value;
  }
  // An end that is no number is no end, as in SimpleTuner.
  for (const char* key : {"end_epoch", "end_step"}) {
    int64_t last = 0;
    if (values.contains(key) && (!assign(values[key], &last).empty() || last <= 0))
      values.erase(key);
  }
  assign_fields(values, own, where, &dataset, messages);
  apply_dataset_rules(own, globals, &dataset, messages);
  return dataset;
}

Json fill_placeholders(const Json& entry, const Config& globals, const Environment& environment) {
  std::string id;
  if (entry.is_object() && entry.contains("id")) assign(entry.at("id"), &id);
  const std::vector<std::pair<std::string, std::string>> replacements = {
      {"{model_family}", globals.model.model_family},
      {"{output_dir}", globals.train.output_dir},
      {"{id}", id}};
  Json result = entry;
  fill_text(&result, replacements, environment);
  return result;
}

Json to_json(const DatasetConfig& dataset) {
  Json json = Json::object();
  visit_dataset_keys(dataset, [&](const DatasetKey& key, const auto& field) {
    json[key.name] = field_json(field);
  });
  return json;
}

std::vector<std::string> dataset_keys() {
  std::vector<std::string> names = field_names();
  const std::vector<std::string> others = other_dataset_keys();
  names.insert(names.end(), others.begin(), others.end());
  return names;
}

double convert_size(double size, const std::string& from, const std::string& to) {
  constexpr double kMegapixel = 1e6;
  const bool from_area = from == "area";
  const bool to_area = to == "area";
  if (from_area == to_area || size <= 0) return size;
  return to_area ? size * size / kMegapixel : std::sqrt(size * kMegapixel);
}

}  // namespace omnigen::config
