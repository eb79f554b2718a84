// The rules of one data set that go beyond one key's range.
#pragma once

#include "config/dataset_config.h"
#include "config/json_text.h"
#include "config/messages.h"
#include "config/schema.h"

namespace omnigen::config {

// Role, units, crop, captions, windows, and what does not act yet. `own` holds the entry's keys, so
// that inherited values are told from given ones. Expects the fields to be set, and sets what
// follows from others.
void apply_dataset_rules(const Json& own, const Config& globals, DatasetConfig* dataset,
                         Messages* messages);

}  // namespace omnigen::config
