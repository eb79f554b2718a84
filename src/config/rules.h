// The rules between keys. Each message bears the rule's id.
#pragma once

#include <vector>

#include "config/dataset_config.h"
#include "config/json_text.h"
#include "config/messages.h"
#include "config/schema.h"

namespace omnigen::config {

// Values that follow from others: length, scheduler, seed. `given` holds what the user wrote, by
// key.
void settle(const Json& given, Config* config, Messages* messages);

// Whether activations and frozen weights are bf16: mixed_precision, or of a quantised base model
// base_model_default_dtype.
bool computes_in_bf16(const ModelConfig& model);

// C01 to C11, C45, C51 and the advice on length, rate, schedule and clipping.
void check_training_rules(const Json& given, const Config& config, Messages* messages);
// Precision, adapter, and keys that exclude each other: C10, C18, C36, C37, C39.
void check_model_rules(const Json& given, const Config& config, Messages* messages);
// C12 to C16, C42.
void check_data_rules(const Config& config, Messages* messages);
// C32, C46, M18.
void check_validation_rules(const Json& given, const Config& config, Messages* messages);
// C30, C31, E50.
void check_evaluation_sets(const Config& config, const std::vector<DatasetConfig>& datasets,
                           Messages* messages);

}  // namespace omnigen::config
