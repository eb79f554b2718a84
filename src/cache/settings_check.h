// Whether a finished cache is the one that a configuration means, for who trains on it.
#pragma once

#include <string>
#include <vector>

#include "config/dataset_config.h"
#include "config/schema.h"
#include "data/cache_index.h"

namespace omnigen::cache {

// Compares all four fingerprints, except seeds: what the cache drew stays valid in a run with
// another one. Reads the VAE's weights only if their files are not those that were hashed when the
// cache was built; a model folder without a VAE is not compared. Errors: DataError (E35) naming
// every member that differs, and `build_command`.
void require_current_settings(const config::Config& config, const config::DatasetConfig& dataset,
                              const std::vector<config::DatasetConfig>& datasets,
                              const data::CacheIndex& index, const std::string& build_command);

}  // namespace omnigen::cache
