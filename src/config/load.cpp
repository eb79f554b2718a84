#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/assign_keys.h"
#include "config/dataset_list.h"
#include "config/field.h"
#include "config/named_files.h"
#include "config/rules.h"
#include "config/source.h"
#include "config/text.h"
#include "util/error.h"

namespace omnigen::config {
namespace {

// What reading settled about a data set goes into its entry, so that other ranks and later runs
// find it.
void write_back(const std::vector<DatasetConfig>& datasets, Json* entries) {
  for (Json& entry : *entries) {
    std::string id;
    assign(entry.at("id"), &id);
    for (const DatasetConfig& dataset : datasets) {
      if (dataset.id != id) continue;
      if (dataset.holds_images() && entry.contains("instance_data_dir")) {
        entry["instance_data_dir"] = dataset.instance_data_dir;
      }
      if (dataset.dataset_type == "text_embeds" && entry.contains("caption_filter_list")) {
        entry["caption_filter_list"] = dataset.caption_filter_list;
      }
    }
  }
}

// The environment's word where the key is not given.
void take_log_level(const Json& given, const Environment& environment, Config* config,
                    Messages* messages) {
  if (is_given(given, "log_level")) return;
  for (const char* name : {"OMNIGEN_LOG_LEVEL", "SIMPLETUNER_LOG_LEVEL"}) {
    const char* value = environment(name);
    if (value == nullptr || *value == '\0') continue;
    std::string level = lower(value);
    if (level == "warn") level = "warning";
    if (level == "critical") level = "error";
    const auto& levels = {"debug", "info", "warning", "error"};
    if (std::find(levels.begin(), levels.end(), level) != levels.end()) {
      config->log.log_level = level;
    } else {
      messages->warn(name, fmt::format("\"{}\" is none of debug, info, warning, error", value),
                     "1.7");
    }
    return;
  }
}

void check_rules(const Source& source, Purpose purpose, LoadResult* result, Messages* messages) {
  const Config& config = result->config;
  check_data_rules(config, messages);
  if (purpose == Purpose::kCache) return;
  check_training_rules(source.values, config, messages);
  check_model_rules(source.values, config, messages);
  check_validation_rules(source.values, config, messages);
  check_evaluation_sets(config, result->datasets, messages);
}

void finish(LoadResult* result, const Messages& messages) {
  result->notices = messages.notices();
  result->warnings = messages.warnings();
  result->not_acting = messages.not_acting_lines();
  result->resolved = to_json(result->config);
}

}  // namespace

LoadResult load(const std::vector<std::string>& args, const LoadOptions& options) {
  Messages messages;
  std::vector<std::string> flags = flag_names();
  flags.insert(flags.end(), options.own_flags.begin(), options.own_flags.end());
  std::vector<std::string> own = options.own_keys;
  own.insert(own.end(), options.own_flags.begin(), options.own_flags.end());

  const CommandLine line = parse_command_line(args, flags);
  const Source source = read_source(line, options.environment, own, &messages);
  LoadResult result;
  result.file = source.file;
  result.own = source.own;
  Config& config = result.config;
  messages.notice(source.summary(), "1.1");
  assign_keys(source.values, &config, &messages);
  take_log_level(source.values, options.environment, &config, &messages);
  settle(source.values, &config, &messages);
  locate_paths(source.dir(), &config, &messages);

  const Json listed = read_data_sets(source.dir(), config, &messages);
  Json entries = Json::array();
  if (!listed.is_null()) {
    entries = prepare_entries(listed, config, line.dataset_options, options.environment, &messages);
    result.datasets = load_datasets(entries, config, &messages);
  }
  if (options.purpose != Purpose::kCache) {
    const bool lycoris = config.model.model_type == "lora" && config.adapter.lora_type == "lycoris";
    if (lycoris) inline_lycoris_config(source.dir(), &config, &messages);
    inline_prompt_library(source.dir(), &config, &messages);
  }
  check_rules(source, options.purpose, &result, &messages);
  if (options.purpose != Purpose::kCheck) {
    messages.refuse_not_acting(options.purpose == Purpose::kTrain);
  }
  // `check` goes on to what it can say all the same.
  const bool checking = options.purpose == Purpose::kCheck;
  if (checking) {
    result.errors = messages.errors();
  } else {
    messages.throw_errors();
  }
  try {
    find_image_dirs(source.dir(), &result.datasets, &messages);
  } catch (const util::DataError& error) {
    if (!checking) throw;
    result.missing.emplace_back(error.what());
  }

  write_back(result.datasets, &entries);
  config.data.data_backend_config = entries.dump();
  finish(&result, messages);
  return result;
}

LoadResult from_json(const std::string& resolved) {
  Messages messages;
  LoadResult result;
  assign_keys(parse_json(resolved, "resolved configuration"), &result.config, &messages);
  const Json entries = parse_json(result.config.data.data_backend_config, "data_backend_config");
  result.datasets = load_datasets(entries, result.config, &messages);
  messages.throw_errors();
  result.resolved = to_json(result.config);
  return result;
}

Json to_json(const Config& config) {
  Json json = Json::object();
  visit_keys(config, [&](const Key& key, const auto& field) {
    json[key.name] = field_json(field);
    Json& value = json[key.name];
    if (is_file_key(key.name) && is_inline(value.get<std::string>())) {
      value = Json::parse(value.get<std::string>());
    }
  });
  return json;
}

bool wants_help(const std::vector<std::string>& args) {
  return std::any_of(args.begin(), args.end(),
                     [](const std::string& arg) { return arg == "--help" || arg == "-h"; });
}

}  // namespace omnigen::config
