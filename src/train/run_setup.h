// From a resolved configuration to the parts of a run.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapter/adapter_plan.h"
#include "comm/process_group.h"
#include "config/load.h"
#include "data/loss_mask.h"
#include "data/shard_dataset.h"
#include "model/weight_map.h"
#include "optim/grad_clip.h"
#include "tokenizer/tokenizer.h"
#include "train/sample_loader.h"
#include "train/training_state.h"
#include "validate/prompt_list.h"
#include "validate/render_plan.h"
#include "validate/resolution_list.h"

namespace omnigen::train {

struct RunData {
  std::vector<LoaderSet> train;
  std::vector<data::DatasetPtr> eval;
  nlohmann::json fingerprints = nlohmann::json::object();  // by data set id
};

// Errors: DataError naming what is missing or was made with other settings, and the command that
// builds it.
std::shared_ptr<const data::ShardDataset> open_cache(const config::LoadResult& loaded,
                                                     const config::DatasetConfig& dataset);
// The masks of a data set of images; null: it has none. Errors: DataError naming images without
// one.
std::shared_ptr<const data::MaskSet> open_masks(const config::LoadResult& loaded,
                                                const config::DatasetConfig& images,
                                                const data::DatasetPtr& dataset);
// Whether the images of a data set are encoded as they are drawn: asked for, and there is no cache.
bool is_on_demand(const config::DatasetConfig& dataset);
// Collective. Errors: those of open_cache() and open_masks(), ConfigError without a set to train
// on.
RunData open_data(const config::LoadResult& loaded, comm::ProcessGroup& group, at::Device device);

std::filesystem::path model_folder(const config::ModelConfig& config);
bool trains_whole_model(const config::ModelConfig& config);
// Dtype, and how base_model_precision stores the linear layers' weights.
model::Placement transformer_placement(const config::ModelConfig& config, at::Device device);
// What is computed in, for the log and checkpoints: "bf16", "bf16, int8-quanto weights".
std::string precision_text(const config::ModelConfig& config);
// Identifies the base model as it is computed with, without reading its weights.
std::string base_weights_id(const config::ModelConfig& config);
model::Placement vae_placement(const config::ModelConfig& config, at::Device device);
// Whether float32 matrices are multiplied as TF32 on a GPU.
void allow_tf32(bool allowed);
// `tokenizer/tokenizer.json` of the model folder. Errors: DataError listing the places tried.
tokenizer::Tokenizer load_tokenizer(const std::filesystem::path& model_folder);
std::vector<int64_t> prompt_ids(const tokenizer::Tokenizer& tokenizer, const std::string& text);

// LoKr or standard LoRA. The text of lycoris_config's file is in the configuration once it is
// loaded. Errors: ConfigError.
std::unique_ptr<adapter::AdapterPlan> adapter_plan(const config::AdapterConfig& config);
LoaderOptions loader_options(const config::LoadResult& loaded,
                             const tokenizer::Tokenizer& tokenizer);
// Errors of both: ConfigError.
validate::PromptList validation_prompts(const config::LoadResult& loaded);
validate::ResolutionList validation_resolutions(const config::ValidateConfig& config);
// Warnings and notices are logged by the caller's rank.
validate::ValidateOptions validate_options(const config::LoadResult& loaded,
                                           const tokenizer::Tokenizer& tokenizer, bool log);
// Settings a resume must agree with; step and position 0.
TrainingState initial_state(const config::Config& config, const nlohmann::json& fingerprints,
                            int64_t world_size);

}  // namespace omnigen::train
