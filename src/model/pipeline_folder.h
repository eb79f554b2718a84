// What a model folder holds beside the transformer: tokenizer, VAE, scheduler, model_index.json.
#pragma once

#include <filesystem>

namespace omnigen::model {

struct PipelineSources {
  std::filesystem::path model_folder;  // either published layout
  std::filesystem::path vae_folder;    // config.json and weights
};

// tokenizer/, vae/, scheduler/ and model_index.json of a diffusers folder into `target`: copies,
// through links, or what the published folder has where the source has none.
// Errors: DataError for a source without tokenizer or VAE, Error of the file system.
void copy_pipeline_parts(const PipelineSources& sources, const std::filesystem::path& target);

// The tokenizer's files and vae/ as they lie in the original layout. Errors likewise.
void copy_original_parts(const PipelineSources& sources, const std::filesystem::path& target);

}  // namespace omnigen::model
