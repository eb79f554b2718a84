#include "validate/clip_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "io/safetensors_reader.h"
#include "model/json_config.h"
#include "util/error.h"

namespace omnigen::validate {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kColours = 3;

// Sizes that a file leaves out are those of the published base model.
ClipTowerConfig read_tower(const model::JsonConfig& json, const ClipTowerConfig& otherwise) {
  ClipTowerConfig tower;
  const auto size = [&](const char* key, int64_t value) {
    const int64_t found = json.integer(key, value);
    if (found <= 0) json.fail(key, fmt::format("is {}, expected more than 0", found));
    return found;
  };
  tower.hidden_size = size("hidden_size", otherwise.hidden_size);
  tower.intermediate_size = size("intermediate_size", otherwise.intermediate_size);
  tower.num_layers = size("num_hidden_layers", otherwise.num_layers);
  tower.num_heads = size("num_attention_heads", otherwise.num_heads);
  tower.layer_norm_eps = json.number("layer_norm_eps", otherwise.layer_norm_eps);
  if (tower.hidden_size % tower.num_heads != 0) {
    json.fail("num_attention_heads",
              fmt::format("{} does not divide hidden_size {}", tower.num_heads, tower.hidden_size));
  }
  const std::string activation = json.text("hidden_act", "quick_gelu");
  if (activation != "quick_gelu" && activation != "gelu") {
    json.fail("hidden_act", fmt::format("is {}, expected quick_gelu or gelu", activation));
  }
  tower.activation = activation == "gelu" ? ClipActivation::kGelu : ClipActivation::kQuickGelu;
  return tower;
}

}  // namespace

ClipConfig ClipConfig::from_file(const fs::path& path) {
  const model::JsonConfig json(path);
  json.require("model_type", "clip");
  const model::JsonConfig text = json.object("text_config");
  const model::JsonConfig vision = json.object("vision_config");
  vision.require("num_channels", kColours);
  ClipConfig config;
  config.text = read_tower(text, {512, 2048, 12, 8});
  config.vision = read_tower(vision, {768, 3072, 12, 12});
  config.projection_dim = json.integer("projection_dim", config.projection_dim);
  config.vocab_size = text.integer("vocab_size", config.vocab_size);
  config.max_positions = text.integer("max_position_embeddings", config.max_positions);
  config.image_size = vision.integer("image_size", config.image_size);
  config.patch_size = vision.integer("patch_size", config.patch_size);
  if (config.patch_size <= 0 || config.image_size < config.patch_size) {
    vision.fail("patch_size",
                fmt::format("is {} in an image of {}", config.patch_size, config.image_size));
  }
  return config;
}

ClipModel::ClipModel(const fs::path& folder, at::Device device)
    : config_(ClipConfig::from_file(folder / "config.json")), device_(device) {
  load(folder);
}

void ClipModel::load(const fs::path& folder) {
  const io::SafetensorsFolder file(folder, "model");
  const ClipWeights weights = [&](const std::string& name, const std::vector<int64_t>& shape) {
    if (!file.contains(name)) {
      throw util::DataError(
          fmt::format("{}: {} is not among the weights; is this a CLIP model with both towers?",
                      folder.string(), name));
    }
    const std::vector<int64_t>& found = file.info(name).shape;
    if (found != shape) {
      throw util::DataError(fmt::format("{}: {} is [{}], config.json says [{}]", folder.string(),
                                        name, fmt::join(found, ", "), fmt::join(shape, ", ")));
    }
    return file.tensor(name).to(device_, at::kFloat);
  };
  const int64_t text_size = config_.text.hidden_size;
  const int64_t vision_size = config_.vision.hidden_size;
  const int64_t side = config_.image_size / config_.patch_size;
  token_table_ =
      weights("text_model.embeddings.token_embedding.weight", {config_.vocab_size, text_size});
  text_positions_ = weights("text_model.embeddings.position_embedding.weight",
                            {config_.max_positions, text_size});
  text_ = std::make_unique<ClipTower>(config_.text, "text_model.encoder", weights);
  text_final_norm_ = clip_norm_weights(weights, "text_model.final_layer_norm", text_size);
  text_projection_ = weights("text_projection.weight", {config_.projection_dim, text_size});

  class_row_ = weights("vision_model.embeddings.class_embedding", {vision_size});
  patch_weight_ = weights("vision_model.embeddings.patch_embedding.weight",
                          {vision_size, kColours, config_.patch_size, config_.patch_size});
  vision_positions_ =
      weights("vision_model.embeddings.position_embedding.weight", {side * side + 1, vision_size});
  // Spelt so in every published file.
  vision_pre_norm_ = clip_norm_weights(weights, "vision_model.pre_layrnorm", vision_size);
  vision_ = std::make_unique<ClipTower>(config_.vision, "vision_model.encoder", weights);
  vision_post_norm_ = clip_norm_weights(weights, "vision_model.post_layernorm", vision_size);
  visual_projection_ = weights("visual_projection.weight", {config_.projection_dim, vision_size});
}

at::Tensor ClipModel::text_hidden(const std::vector<int64_t>& input_ids) const {
  const at::NoGradGuard no_grad;
  const auto length = std::ssize(input_ids);
  TORCH_CHECK(length >= 1 && length <= config_.max_positions, "CLIP text of ", length,
              " ids, at most ", config_.max_positions);
  const at::Tensor ids = at::tensor(input_ids).to(device_);
  const at::Tensor x_LD = at::embedding(token_table_, ids) + text_positions_.narrow(0, 0, length);
  return text_->norm(text_->forward(x_LD, /*causal=*/true), text_final_norm_);
}

at::Tensor ClipModel::text_embedding(const std::vector<int64_t>& input_ids, int64_t end_id) const {
  const at::NoGradGuard no_grad;
  const auto end = std::find(input_ids.begin(), input_ids.end(), end_id);
  TORCH_CHECK(end != input_ids.end(), "CLIP text of ", input_ids.size(), " ids without end token ",
              end_id);
  return at::linear(text_hidden(input_ids)[end - input_ids.begin()], text_projection_);
}

at::Tensor ClipModel::image_hidden(const at::Tensor& pixels_CHW) const {
  const at::NoGradGuard no_grad;
  TORCH_CHECK(pixels_CHW.dim() == 3 && pixels_CHW.size(1) == config_.image_size &&
                  pixels_CHW.size(2) == config_.image_size,
              "CLIP image of sizes ", pixels_CHW.sizes(), ", expected sides of ",
              config_.image_size);
  const at::Tensor patches_ND =
      at::conv2d(pixels_CHW.unsqueeze(0).to(device_), patch_weight_, {}, config_.patch_size)
          .flatten(2)
          .squeeze(0)
          .t();
  const at::Tensor x_LD = at::cat({class_row_.unsqueeze(0), patches_ND}) + vision_positions_;
  return vision_->forward(vision_->norm(x_LD, vision_pre_norm_), /*causal=*/false);
}

at::Tensor ClipModel::image_embedding(const at::Tensor& pixels_CHW) const {
  const at::NoGradGuard no_grad;
  const at::Tensor class_D = vision_->norm(image_hidden(pixels_CHW)[0], vision_post_norm_);
  return at::linear(class_D, visual_projection_);
}

}  // namespace omnigen::validate
