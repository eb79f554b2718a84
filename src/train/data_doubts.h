// What looks unintended in the data of a run, though it can be trained on.
#pragma once

#include <string>
#include <vector>

#include "config/dataset_config.h"
#include "train/run_setup.h"

namespace omnigen::train {

// Lines for the log: a data set that drowns the others, and pictures that are evaluated on as well
// as trained on.
std::vector<std::string> data_doubts(const std::vector<config::DatasetConfig>& datasets,
                                     const RunData& data);

}  // namespace omnigen::train
