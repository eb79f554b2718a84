// A LoKr adapter as peft's own LoKr reads it: PeftModel.from_pretrained(transformer, folder).
//
// peft knows one factor for all layers, and derives from the rank which factors are products; it
// scales by alpha / rank. So every layer's scale is put into its first factor, and alpha is the
// rank. Source: peft tuners/lokr/layer.py, tuners/lokr/config.py.
#pragma once

#include <torch/types.h>

#include <string>

#include "adapter/adapter_files.h"
#include "adapter/adapter_set.h"

namespace omnigen::adapter {

// kPeftFile and kPeftConfigFile of an adapter of LoKr layers. `base_model` is for people.
// Errors: ConfigError when peft has no settings that give these factors, naming two layers that
// disagree.
AdapterFiles peft_lokr_files(const AdapterSet& adapters, at::ScalarType dtype,
                             const std::string& base_model, const FileFacts& facts);

}  // namespace omnigen::adapter
