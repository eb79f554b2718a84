#include "train/model_card.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "train/card_inference.h"

namespace omnigen::train {
namespace {

constexpr const char* kDefaultBase = "Shitao/OmniGen-v1-diffusers";
constexpr const char* kOriginalBase = "Shitao/OmniGen-v1";
constexpr const char* kUnknownBase = "omnigen/unknown-model";
constexpr double kPercent = 100.0;

bool is_lycoris(const config::Config& config) {
  return config.model.model_type == "lora" && config.adapter.lora_type == "lycoris";
}

// On one line, without control characters.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    line += static_cast<unsigned char>(c) < ' ' || c == 0x7F ? ' ' : c;
  }
  return line;
}

// Single quotes hold every text but themselves.
std::string yaml(const std::string& text) {
  std::string quoted = "'";
  for (const char c : one_line(text)) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string yes_no(bool value) {
  return value ? "Yes" : "No";
}

std::vector<std::string> tags_of(const config::Config& config) {
  std::vector<std::string> tags = {"omnigen", "omnigen-diffusers", "text-to-image", "diffusers",
                                   "omnigen-dist"};
  tags.emplace_back(config.publish.model_card_safe_for_work ? "safe-for-work"
                                                            : "not-for-all-audiences");
  tags.push_back(config.model.model_type);
  if (config.model.model_type == "lora") tags.emplace_back("template:sd-lora");
  if (is_lycoris(config)) tags.emplace_back("lycoris");
  return tags;
}

std::string front_matter(const CardFacts& facts) {
  const config::Config& config = facts.loaded.config;
  const std::string base = base_model_id(config.model.pretrained_model_name_or_path);
  std::string text = fmt::format("---\nlicense: {}\nbase_model: \"{}\"\ntags:\n",
                                 base == kUnknownBase ? "other" : "mit", base);
  for (const std::string& tag : tags_of(config)) text += fmt::format("  - {}\n", yaml(tag));
  text += "pipeline_tag: text-to-image\ninference: true\n";
  if (!facts.widgets.empty()) text += "widget:\n";
  for (const CardWidget& widget : facts.widgets) {
    text +=
        fmt::format("- text: {}\n  parameters:\n    negative_prompt: {}\n  output:\n    url: {}\n",
                    yaml(widget.prompt.empty() ? "unconditional (blank prompt)" : widget.prompt),
                    yaml(facts.negative_prompt), widget.url);
  }
  return text + "---\n\n";
}

std::string introduction(const CardFacts& facts) {
  const config::Config& config = facts.loaded.config;
  const std::string base = base_model_id(config.model.pretrained_model_name_or_path);
  std::string kind = "full rank finetune";
  if (config.model.model_type == "lora") {
    kind = is_lycoris(config) ? "LyCORIS adapter" : "PEFT LoRA adapter";
  }
  const std::string link = base == kUnknownBase
                               ? fmt::format("`{}`", base)
                               : fmt::format("[{0}]({1}/{0})", base, facts.endpoint);
  std::string text =
      fmt::format("# {}\n\nThis is a {} derived from {}.\n\n", facts.title, kind, link);
  const std::string& prompt = config.validate.validation_prompt;
  if (prompt.empty() || prompt == "None") {
    text += "No main validation prompt was used.\n\n";
  } else {
    text += fmt::format("The main validation prompt used during training was:\n```\n{}\n```\n\n",
                        prompt);
  }
  if (!config.publish.model_card_note.empty()) text += config.publish.model_card_note + "\n\n";
  return text;
}

std::string validation_settings(const CardFacts& facts) {
  const config::ValidateConfig& validate = facts.loaded.config.validate;
  std::string text = fmt::format(
      "## Validation settings\n- CFG: `{}`\n- CFG Rescale: `{}`\n- Steps: `{}`\n- Sampler: `Euler, "
      "flow matching, shift {}`\n- Seed: `{}`\n- Resolution(s): `{}`\n- Negative prompt: {}\n\n",
      validate.validation_guidance, validate.validation_guidance_rescale,
      validate.validation_num_inference_steps, validate.validation_flow_shift,
      validate.validation_seed.value_or(facts.loaded.config.train.seed),
      validate.validation_resolution,
      validate.validation_negative_prompt ? "the user's" : "OmniGen's built-in text");
  text +=
      "Note: The validation settings are not necessarily the same as the training settings.\n\n";
  if (!facts.widgets.empty()) {
    text += "You can find some example images in the following gallery:\n\n<Gallery />\n\n";
  }
  return text + "The text encoder was not trained. OmniGen has none: it takes token ids.\n\n";
}

std::string training_settings(const CardFacts& facts) {
  const config::Config& config = facts.loaded.config;
  const config::OptimConfig& optim = config.optim;
  const data::BatchShape& batch = facts.plan.batch;
  std::string text = fmt::format(
      "## Training settings\n- Training epochs: {}\n- Training steps: {}\n- Learning rate: {}\n"
      "  - Learning rate schedule: {}\n  - Warmup steps: {}\n- Max grad {}: {}\n"
      "- Effective batch size: {}\n  - Micro-batch size: {}\n  - Gradient accumulation steps: {}\n"
      "  - Number of ranks: {}\n- Gradient checkpointing: {}\n- Prediction type: flow_matching\n"
      "- Optimizer: {}\n",
      facts.epoch, facts.step, optim.learning_rate, optim.lr_scheduler, optim.lr_warmup_steps,
      optim.grad_clip_method, optim.max_grad_norm, batch.global_batch(), batch.micro_batch,
      batch.accumulation, batch.world_size, config.model.gradient_checkpointing ? "true" : "false",
      optim.optimizer);
  if (!optim.optimizer_config.empty()) {
    text += fmt::format("  - Config: {}\n", optim.optimizer_config);
  }
  text += fmt::format(
      "- Trainable parameter precision: {}\n- Base model precision: `{}`\n"
      "- Caption dropout probability: {:.1f}%\n",
      optim.optimizer == "adamw_bf16" ? "Pure BF16" : "FP32", config.model.base_model_precision,
      kPercent * config.data.caption_dropout_probability);
  if (optim.use_ema) {
    text +=
        fmt::format("- EMA: decay {}, updated every {} steps; the averaged weights are in `ema/`\n",
                    optim.ema_decay, optim.ema_update_interval);
  }
  if (is_lycoris(config)) {
    text += fmt::format("\n### LyCORIS config\n```json\n{}\n```\n",
                        nlohmann::ordered_json::parse(config.adapter.lycoris_config).dump(4));
  }
  return text + "\n";
}

std::string dataset_section(const CardFacts& facts) {
  std::string text = "## Datasets\n\n";
  for (const PlannedSet& set : facts.plan.sets) {
    const auto found =
        std::find_if(facts.loaded.datasets.begin(), facts.loaded.datasets.end(),
                     [&](const config::DatasetConfig& dataset) { return dataset.id == set.id; });
    const int64_t samples = set.num_images * (set.repeats + 1);
    text += fmt::format(
        "### {}\n- Repeats: {}\n- Total number of images: {}\n"
        "- Samples per epoch: {}\n- Batches per epoch: {:.2f}\n",
        set.id, set.repeats, set.num_images, samples,
        static_cast<double>(samples) / static_cast<double>(facts.plan.batch.global_batch()));
    if (found != facts.loaded.datasets.end()) {
      text +=
          fmt::format("- Resolution: {} {}\n- Cropped: {}\n- Crop style: {}\n- Crop aspect: {}\n",
                      found->resolution, found->resolution_type == "area" ? "megapixels" : "px",
                      found->crop ? "True" : "False", found->crop ? found->crop_style : "None",
                      found->crop ? found->crop_aspect : "None");
    }
    text += fmt::format("- Used for regularisation data: {}\n", yes_no(set.regularisation));
  }
  return text + "\n";
}

}  // namespace

std::string base_model_id(const std::string& name_or_path) {
  std::string name = name_or_path;
  while (name.ends_with('/')) name.pop_back();
  for (const std::string known : {kDefaultBase, kOriginalBase}) {
    if (name == known || name.ends_with("/" + known)) return known;
  }
  const bool is_id = std::count(name.begin(), name.end(), '/') == 1 && !name.starts_with('/') &&
                     !name.starts_with('.');
  return is_id ? one_line(name) : kUnknownBase;
}

std::string model_card(const CardFacts& facts) {
  return front_matter(facts) + introduction(facts) + validation_settings(facts) +
         training_settings(facts) + dataset_section(facts) + inference_section(facts);
}

std::string commit_message(const CardFacts& facts) {
  const config::Config& config = facts.loaded.config;
  std::vector<std::string> sets;
  for (const PlannedSet& set : facts.plan.sets) sets.push_back(set.id);
  std::string text = fmt::format(
      "Trained for {} epochs and {} steps.\n\nTrained with datasets {}\n"
      "Learning rate {}, batch size {}",
      facts.epoch, facts.step, fmt::join(sets, ", "), config.optim.learning_rate,
      facts.plan.batch.micro_batch);
  if (facts.plan.batch.accumulation > 1) {
    text += fmt::format(", and {} gradient accumulation steps", facts.plan.batch.accumulation);
  }
  return text + fmt::format(".\nTraining objective: flow matching\nBase model: {}\nVAE: {}",
                            base_model_id(config.model.pretrained_model_name_or_path),
                            config.model.pretrained_vae_model_name_or_path.empty()
                                ? "the base model's"
                                : config.model.pretrained_vae_model_name_or_path);
}

}  // namespace omnigen::train
