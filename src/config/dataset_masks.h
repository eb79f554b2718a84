// Which masks belong to which images: `conditioning_data` of the images or `source_dataset_id` of
// the masks.
#pragma once

#include <vector>

#include "config/dataset_config.h"
#include "config/messages.h"

namespace omnigen::config {

// The masks of an image data set; null: none.
const DatasetConfig* mask_of(const DatasetConfig& images,
                             const std::vector<DatasetConfig>& datasets);

// Errors to `messages`: a link to a data set that is not there, several masks of one data set.
void check_masks(const std::vector<DatasetConfig>& datasets, Messages* messages);

}  // namespace omnigen::config
