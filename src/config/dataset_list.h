// The data-set file as a whole: which entries there are, in which order, and what they must not
// share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/dataset_config.h"
#include "config/json_text.h"
#include "config/locate.h"
#include "config/messages.h"
#include "config/schema.h"

namespace omnigen::config {

using DatasetOptions = std::vector<std::pair<std::string, std::string>>;  // "<id>.<key>", value

// Entries as users write them -> entries as the resolved configuration keeps them: disabled ones
// and comment keys gone, placeholders filled, `--dataset.<id>.<key>` laid over.
Json prepare_entries(const Json& file, const Config& globals, const DatasetOptions& options,
                     const Environment& environment, Messages* messages);

// The data sets of prepared entries, a conditioning set after its source, otherwise in the order of
// the file. Reads no folder.
std::vector<DatasetConfig> load_datasets(const Json& entries, const Config& globals,
                                         Messages* messages);

// The rules between data sets; each is also called by load_datasets().
void check_ids(const Json& entries, Messages* messages);
void check_windows(const std::vector<DatasetConfig>& datasets, Messages* messages);
// Indices of `datasets` in the order of work. Errors to `messages`: a cycle.
std::vector<size_t> dataset_order(const std::vector<DatasetConfig>& datasets, Messages* messages);
void check_cache_dirs(const std::vector<DatasetConfig>& datasets, Messages* messages);

// Finds every image folder, from the current folder or from the configuration's, and writes the
// place into the data set. Errors: DataError listing all folders that are missing or cannot be
// read.
void find_image_dirs(const std::filesystem::path& config_dir, std::vector<DatasetConfig>* datasets,
                     Messages* messages);

}  // namespace omnigen::config
