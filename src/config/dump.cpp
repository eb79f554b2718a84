#include "config/dump.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "config/dataset_keys.h"
#include "config/dataset_values.h"
#include "config/field.h"
#include "config/optimizer_settings.h"
#include "config/other_keys.h"
#include "config/schema.h"
#include "config/text.h"

namespace omnigen::config {
namespace {

// One row of either table, as text.
struct Row {
  std::string section;  // title
  std::string name;
  std::string type;
  std::string fallback;
  std::string values;
  std::string help;
};

template <typename T>
std::string default_text(const T& field) {
  const Json json = field_json(field);
  if (json.is_null() || json.empty() || json == Json("")) return "unset";
  if (json.is_object()) return "off";
  return json.is_string() ? json.get<std::string>() : json.dump();
}

std::vector<Row> config_rows() {
  std::vector<Row> rows;
  const Config config;
  visit_keys(config, [&](const Key& key, const auto& field) {
    rows.push_back({key.title, key.name, type_name(field), default_text(field),
                    key.check.describe(), key.help});
  });
  return rows;
}

std::vector<Row> dataset_rows() {
  std::vector<Row> rows;
  const DatasetConfig dataset;
  visit_dataset_keys(dataset, [&](const DatasetKey& key, const auto& field) {
    rows.push_back(
        {"", key.name, type_name(field), default_text(field), key.check.describe(), key.help});
  });
  return rows;
}

std::string cell(const std::string& text) {
  return replace_all(text, "|", "\\|");
}

std::string markdown_row(const Row& row) {
  return fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, row.type, cell(row.fallback),
                     cell(row.values), cell(row.help));
}

constexpr const char* kTableHead =
    "| key | type | default | values | meaning |\n|---|---|---|---|---|\n";

std::string code_list(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back("`" + name + "`");
  return fmt::format("{}", fmt::join(quoted, ", "));
}

constexpr const char* kIntroduction = R"(# Configuration keys

Generated from the tables in `src/config/`; edit those.

A configuration is one flat JSON object, `config.json`. The command line wins over the file, the file over
the defaults: `--key=value`, `--key value`, `--flag` and `key=value` are understood. Leading dashes of a key,
hyphens for underscores, and numbers or booleans in quotes are accepted. `null`, an empty text and `"None"`
mean that the default counts. Keys that begin with `_` or `/` are comments. `{env:NAME}` in a text stands for
an environment variable.

The file is the one of `--config` (a file or a folder), else of `CONFIG_PATH`, else of the folder
`config/NAME/` of `--env NAME` or of `SIMPLETUNER_ENVIRONMENT`, `SIMPLETUNER_ENV` or `ENV`, else
`config.json` in the current folder, else `config/config.json`. A relative path in it is looked for in the
current folder, then in the folder of the configuration, then there by its base name.

`OMNIGEN_LOG_LEVEL` or `SIMPLETUNER_LOG_LEVEL` in the environment stand for `log_level` where that is not
given.

Every mistake is reported at once and nothing is started. `<output_dir>/simpletuner_config.json` holds every
key as the run used it, and the files it names; that file alone repeats the run.
)";

}  // namespace

std::string help_text() {
  std::string text =
      "omnigen-dist trains the OmniGen image model.\n\n"
      "Usage: omnigen-dist [COMMAND] [--config FILE] [--key=value ...]\n"
      "A key of one data set: --dataset.ID.KEY=value. Keys of data sets: docs/config.md.\n";
  std::string section;
  for (const Row& row : config_rows()) {
    if (row.section != section) {
      section = row.section;
      text += fmt::format("\n{}\n", section);
    }
    text += fmt::format("  --{} ({}, default {}{}): {}\n", row.name, row.type, row.fallback,
                        row.values.empty() ? "" : ", " + row.values, row.help);
  }
  return text;
}

std::string config_markdown() {
  std::string text = kIntroduction;
  std::string section;
  for (const Row& row : config_rows()) {
    if (row.section != section) {
      section = row.section;
      text += fmt::format("\n## {}\n\n{}", section, kTableHead);
    }
    text += markdown_row(row);
  }
  text += fmt::format(
      "\n## Keys of a data set\n\n`data_backend_config` names a JSON list with one object for each "
      "data "
      "set. Keys that a data set leaves out take the global value of the same name; sizes are "
      "taken over "
      "with their unit. `\"disabled\": true` leaves an entry out. `{{model_family}}`, "
      "`{{output_dir}}`, "
      "`{{id}}` and `{{env:NAME}}` are replaced in every text. On the command line: "
      "`--dataset.<id>.<key>=value`.\n\n{}",
      kTableHead);
  for (const Row& row : dataset_rows()) text += markdown_row(row);

  text += "\n## Settings of optimizer_config\n\n| optimizer | settings and defaults |\n|---|---|\n";
  for (const auto& [optimizer, settings] : describe_optimizer_settings()) {
    text += fmt::format("| `{}` | {} |\n", optimizer, settings);
  }

  text += "\n## Other spellings\n\n| written | read as |\n|---|---|\n";
  for (const auto& [old_name, new_name] : renamed_keys()) {
    text += fmt::format("| `{}` | `{}`{} |\n", old_name, new_name,
                        old_name == "vae_cache_preprocess" ? ", inverted" : "");
  }
  text += fmt::format(
      "\n## SimpleTuner's keys without effect\n\nAccepted; one warning names those with a value "
      "that asks "
      "for something. `*` stands for any text.\n\n{}\n",
      code_list(ignored_keys()));
  text += fmt::format(
      "\n## SimpleTuner's keys that are refused\n\nThey would change what is learned or kept. "
      "Accepted at "
      "false, 0, empty or their neutral default; otherwise an error in `train` and a line in "
      "`check`.\n\n{}\n",
      code_list(refused_keys()));
  return text;
}

}  // namespace omnigen::config
