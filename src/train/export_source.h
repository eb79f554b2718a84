// What a folder or file given to `omnigen-dist export` holds.
#pragma once

#include <filesystem>
#include <string>

#include "model/pipeline_folder.h"

namespace omnigen::train {

struct ExportSource {
  std::filesystem::path adapter;     // its file; empty: a whole model
  std::filesystem::path weights;     // model folder: what the adapter is merged into, or the model
  model::PipelineSources parts;      // tokenizer and VAE
  std::filesystem::path config_dir;  // of the adapter's JSON file
};

struct ExportRequest {
  std::filesystem::path from;  // run folder, checkpoint, model folder or adapter file
  std::filesystem::path
      model;                // base model folder; empty: the one that the run's configuration names
  bool average = false;     // EMA weights
  bool needs_model = true;  // false: the adapter's file is enough
};

// Errors: ConfigError saying what was looked for and which option helps.
ExportSource find_export_source(const ExportRequest& request);

}  // namespace omnigen::train
