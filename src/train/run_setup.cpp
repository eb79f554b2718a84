#include "train/run_setup.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "adapter/lora_config.h"
#include "adapter/lycoris_config.h"
#include "cache/on_demand.h"
#include "cache/settings_check.h"
#include "config/dataset_masks.h"
#include "config/rules.h"
#include "data/source_settings.h"
#include "tokenizer/prompt_template.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxSide = 3072;  // of the positional table, in pixels
// base_model_precision; what is not here keeps its weights dense.
const std::map<std::string, nn::WeightFormat> kFormats = {
    {"int8-quanto", nn::WeightFormat::kInt8Quanto},
    {"fp8-quanto", nn::WeightFormat::kFp8Quanto},
    {"int8-torchao", nn::WeightFormat::kInt8Torchao},
    {"fp8-torchao", nn::WeightFormat::kFp8Torchao},
    {"int8-dynamic", nn::WeightFormat::kInt8Dynamic},
    {"nf4-bnb", nn::WeightFormat::kNf4}};

std::string command_for(const config::LoadResult& loaded) {
  return fmt::format("omnigen-cache build --config {}",
                     loaded.file.empty() ? "<config.json>" : loaded.file.string());
}

// Identifies the base weights without reading them.
std::string weights_id(const fs::path& folder) {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    text +=
        fmt::format("{}:{};", entry.path().lexically_relative(folder).string(), entry.file_size());
  }
  return util::hex64(util::xxh3_64(text));
}

std::string common_instance_prompt(const std::vector<config::DatasetConfig>& datasets) {
  std::string common;
  for (const config::DatasetConfig& dataset : datasets) {
    if (dataset.caption_strategy != "instanceprompt" || dataset.instance_prompt.empty()) continue;
    if (!common.empty() && common != dataset.instance_prompt.front()) return {};
    common = dataset.instance_prompt.front();
  }
  return common;
}

validate::EmaValidation ema_validation(const config::Config& config) {
  if (!config.optim.use_ema || config.validate.ema_validation == "none") {
    return validate::EmaValidation::kNone;
  }
  return config.validate.ema_validation == "ema_only" ? validate::EmaValidation::kOnly
                                                      : validate::EmaValidation::kComparison;
}

void log_all(const std::vector<std::string>& notices, const std::vector<std::string>& warnings) {
  for (const std::string& notice : notices) util::log::info(notice);
  for (const std::string& warning : warnings) util::log::warn(warning);
}

}  // namespace

std::shared_ptr<const data::ShardDataset> open_cache(const config::LoadResult& loaded,
                                                     const config::DatasetConfig& dataset) {
  const std::string command = command_for(loaded);
  auto opened = std::make_shared<data::ShardDataset>(
      data::CacheLocation{dataset.cache_dir_vae, dataset.id, command});
  cache::require_current_settings(loaded.config, dataset, loaded.datasets, opened->index(),
                                  command);
  return opened;
}

std::shared_ptr<const data::MaskSet> open_masks(const config::LoadResult& loaded,
                                                const config::DatasetConfig& images,
                                                const data::DatasetPtr& dataset) {
  const config::DatasetConfig* masks = config::mask_of(images, loaded.datasets);
  if (masks == nullptr) return nullptr;
  const data::SourceSettings source = data::source_settings(loaded.config, images);
  const auto kind =
      masks->conditioning_type == "mask" ? data::MaskKind::kSoft : data::MaskKind::kSegmentation;
  return std::make_shared<data::MaskSet>(
      data::MaskSettings{masks->id, masks->instance_data_dir, kind, source.decode, source.filter},
      dataset);
}

bool is_on_demand(const config::DatasetConfig& dataset) {
  return dataset.vae_cache_ondemand &&
         !fs::exists(data::CacheIndex::path(dataset.cache_dir_vae, dataset.id));
}

RunData open_data(const config::LoadResult& loaded, comm::ProcessGroup& group, at::Device device) {
  const cache::BuildContext context = {.config = loaded.config,
                                       .datasets = loaded.datasets,
                                       .group = group,
                                       .device = [device] { return device; },
                                       .cores_per_rank = at::get_num_threads()};
  RunData run;
  for (const config::DatasetConfig& dataset : loaded.datasets) {
    if (dataset.dataset_type == "text_embeds" && !dataset.cache_dir.empty() && group.is_root()) {
      fs::create_directories(dataset.cache_dir);  // stays empty: captions lie beside the latents
    }
    if (!dataset.is_trained() && !dataset.is_eval()) continue;
    data::DatasetPtr opened;
    if (group.any(group.is_root() && is_on_demand(dataset))) {
      opened = std::make_shared<cache::OnDemandDataset>(context, dataset);
      if (group.is_root()) {
        util::log::info(fmt::format(
            "data set '{}': no cache in {}; its {} images are encoded when they are first drawn",
            dataset.id, dataset.cache_dir_vae, opened->size()));
      }
    } else {
      opened = open_cache(loaded, dataset);
    }
    run.fingerprints[dataset.id] = opened->fingerprint();
    if (dataset.is_eval()) {
      run.eval.push_back(opened);
      continue;
    }
    auto masks = open_masks(loaded, dataset, opened);
    if (masks) run.fingerprints[masks->id()] = masks->fingerprint();
    run.train.push_back({{opened, dataset.repeats}, dataset.is_regularisation_data, masks});
  }
  if (run.train.empty()) {
    throw util::ConfigError("data_backend_config: no enabled data set of type image to train on");
  }
  return run;
}

fs::path model_folder(const config::ModelConfig& config) {
  fs::path folder = config.pretrained_model_name_or_path;
  if (!fs::is_directory(folder)) {
    throw util::DataError(fmt::format(
        "pretrained_model_name_or_path: no folder {} (from {}); download the weights there with "
        "\"hf download Shitao/OmniGen-v1-diffusers --local-dir DIR\" and give that DIR",
        folder.string(), fs::current_path().string()));
  }
  return folder;
}

bool trains_whole_model(const config::ModelConfig& config) {
  return config.model_type == "full";
}

model::Placement transformer_placement(const config::ModelConfig& config, at::Device device) {
  model::Placement placement;
  placement.dtype = config::computes_in_bf16(config) ? at::kBFloat16 : at::kFloat;
  placement.device = device;
  placement.trained = trains_whole_model(config);
  const auto format = kFormats.find(config.base_model_precision);
  if (format != kFormats.end() && !placement.trained) placement.format = format->second;
  placement.compact_on_host = config.quantize_via == "cpu";
  return placement;
}

std::string precision_text(const config::ModelConfig& config) {
  const std::string dtype = config::computes_in_bf16(config) ? "bf16" : "float32";
  return config.base_model_precision == "no_change" || trains_whole_model(config)
             ? dtype
             : fmt::format("{}, {} weights", dtype, config.base_model_precision);
}

std::string base_weights_id(const config::ModelConfig& config) {
  return fmt::format("{}, {}", weights_id(model_folder(config)), precision_text(config));
}

model::Placement vae_placement(const config::ModelConfig& config, at::Device device) {
  return {config.vae_dtype == "fp32" ? at::kFloat : at::kBFloat16, device};
}

void allow_tf32(bool allowed) {
  at::globalContext().setAllowTF32CuBLAS(allowed);
  at::globalContext().setAllowTF32CuDNN(allowed);
}

tokenizer::Tokenizer load_tokenizer(const fs::path& model_folder) {
  for (const char* place : {"tokenizer/tokenizer.json", "tokenizer.json"}) {
    if (fs::exists(model_folder / place)) return tokenizer::Tokenizer(model_folder / place);
  }
  throw util::DataError(fmt::format(
      "{}: neither tokenizer/tokenizer.json nor tokenizer.json is there", model_folder.string()));
}

std::vector<int64_t> prompt_ids(const tokenizer::Tokenizer& tokenizer, const std::string& text) {
  return tokenizer::encode_prompt(tokenizer, text).ids;
}

std::unique_ptr<adapter::AdapterPlan> adapter_plan(const config::AdapterConfig& config) {
  if (config.lora_type == "standard") {
    return std::make_unique<adapter::LoraConfig>(adapter::LoraConfig::from_keys(config));
  }
  return std::make_unique<adapter::LycorisConfig>(adapter::LycorisConfig::from_json(
      nlohmann::ordered_json::parse(config.lycoris_config), "lycoris_config"));
}

LoaderOptions loader_options(const config::LoadResult& loaded,
                             const tokenizer::Tokenizer& tokenizer) {
  const config::DataConfig& data = loaded.config.data;
  const std::string dropped = data.caption_dropout_style == "cfg"
                                  ? std::string(tokenizer::kDroppedConditionPrompt)
                                  : std::string();
  const config::TrainConfig& train = loaded.config.train;
  return {static_cast<uint64_t>(train.seed), data.caption_dropout_probability,
          prompt_ids(tokenizer, dropped),    train.masked_loss_probability,
          train.masked_loss_normalise,       train.unmasked_weight};
}

validate::PromptList validation_prompts(const config::LoadResult& loaded) {
  const config::ValidateConfig& config = loaded.config.validate;
  return validate::collect_prompts(
      {!config.validation_disable_unconditional, config.validation_prompt_library,
       config.user_prompt_library, config.prompt_library_token,
       common_instance_prompt(loaded.datasets), config.validation_prompt});
}

validate::ResolutionList validation_resolutions(const config::ValidateConfig& config) {
  return validate::parse_resolutions(config.validation_resolution, kMaxSide);
}

validate::ValidateOptions validate_options(const config::LoadResult& loaded,
                                           const tokenizer::Tokenizer& tokenizer, bool log) {
  const config::ValidateConfig& validate = loaded.config.validate;
  auto list = validation_prompts(loaded);
  const auto encode = [&](const std::string& text) { return prompt_ids(tokenizer, text); };
  const auto resolutions = validation_resolutions(validate);
  validate::ValidateOptions options;
  options.prompts = validate::encode_prompts(list.entries, encode, list.warnings);
  const std::string negative =
      validate.validation_negative_prompt.value_or(std::string(tokenizer::kDefaultNegativePrompt));
  options.negative = {"negative", negative, encode(negative), std::nullopt};
  options.resolutions = resolutions.items;
  options.images_per_prompt = validate.num_validation_images;
  options.sampler.num_steps = validate.validation_num_inference_steps;
  options.sampler.shift = validate.validation_flow_shift;
  options.sampler.guidance = validate.validation_guidance;
  options.sampler.guidance_rescale = validate.validation_guidance_rescale;
  options.seed = static_cast<uint64_t>(validate.validation_seed.value_or(loaded.config.train.seed));
  options.randomize = validate.validation_randomize;
  options.adapter_strength = validate.validation_lycoris_strength;
  options.ema = ema_validation(loaded.config);
  options.single_rank = validate.validation_multigpu == "single-gpu";
  options.save_unstitched = validate.validation_save_unstitched;
  options.image_format = validate.validation_image_format;
  options.image_quality = validate.validation_image_quality;
  options.autoencoder = {loaded.config.model.vae_enable_tiling,
                         loaded.config.model.vae_enable_slicing};
  options.output_dir = loaded.config.train.output_dir;
  options.base_weights_id = base_weights_id(loaded.config.model);
  if (log) {
    log_all(list.notices, list.warnings);
    log_all(resolutions.notices, {});
  }
  return options;
}

TrainingState initial_state(const config::Config& config, const nlohmann::json& fingerprints,
                            int64_t world_size) {
  TrainingState state;
  state.seed = static_cast<uint64_t>(config.train.seed);
  state.world_size = world_size;
  state.global_batch =
      config.train.train_batch_size * config.train.gradient_accumulation_steps * world_size;
  state.optimizer = config.optim.optimizer;
  state.precision = precision_text(config.model);
  state.data = fingerprints;
  return state;
}

}  // namespace omnigen::train
