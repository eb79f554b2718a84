// Reads one entry of the data-set file: types, defaults, units, and the checks that concern it
// alone.
#pragma once

#include <string>
#include <vector>

#include "config/dataset_config.h"
#include "config/json_text.h"
#include "config/locate.h"
#include "config/messages.h"
#include "config/schema.h"

namespace omnigen::config {

// `entry` without its comment keys. `globals` gives what the entry leaves out. What is wrong goes
// to `messages` under `dataset "<id>": <key>`; the result is of use only without errors.
DatasetConfig read_dataset(const Json& entry, const Config& globals, Messages* messages);

// {model_family}, {output_dir}, {id} and {env:NAME} in every string of the entry; an unset variable
// is empty, any other brace stays.
Json fill_placeholders(const Json& entry, const Config& globals, const Environment& environment);

// By key; unset values are null.
Json to_json(const DatasetConfig& dataset);

// Names of the table and of keys that are known without a field.
std::vector<std::string> dataset_keys();

// A size in another unit, by way of the pixel count. Units: "pixel", "area" (megapixels),
// "pixel_area".
double convert_size(double size, const std::string& from, const std::string& to);

}  // namespace omnigen::config
