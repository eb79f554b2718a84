#include "validate/clip_score.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "util/error.h"
#include "validate/prompt_list.h"

namespace omnigen::validate {
namespace {

namespace fs = std::filesystem;

constexpr double kScale = 100.0;

const fs::path& existing(const fs::path& folder) {
  if (fs::exists(folder / "pytorch_model.bin") && !fs::exists(folder / "model.safetensors") &&
      !fs::exists(folder / "model.safetensors.index.json")) {
    throw util::DataError(fmt::format(
        "{0}: pytorch_model.bin is there but no model.safetensors, which is what is read here. "
        "Convert it once: python3 -c \"from transformers import CLIPModel as m; "
        "m.from_pretrained('{0}').save_pretrained('{0}')\"",
        folder.string()));
  }
  if (fs::is_directory(folder)) return folder;
  throw util::DataError(fmt::format(
      "pretrained_evaluation_model_name_or_path: no folder {} (from {}), and evaluation_type is "
      "clip. Download the model with \"hf download openai/clip-vit-large-patch14-336 --local-dir "
      "DIR\" and give that DIR (config.json, model.safetensors, preprocessor_config.json, "
      "vocab.json, merges.txt), or set evaluation_type to none",
      folder.string(), fs::current_path().string()));
}

}  // namespace

ClipScorer::ClipScorer(const fs::path& folder, at::Device device)
    : model_(existing(folder), device),
      tokenizer_(folder),
      image_config_(ClipImageConfig::from_file(folder / "preprocessor_config.json")) {
  const ClipConfig& config = model_.config();
  if (image_config_.crop_width != config.image_size ||
      image_config_.crop_height != config.image_size) {
    throw util::DataError(fmt::format(
        "{}: preprocessor_config.json cuts pictures to {}x{}, config.json's image_size is {}",
        folder.string(), image_config_.crop_width, image_config_.crop_height, config.image_size));
  }
  if (std::max(tokenizer_.start_id(), tokenizer_.end_id()) >= config.vocab_size) {
    throw util::DataError(
        fmt::format("{}: the tokenizer's end token is {}, config.json's vocab_size {}",
                    folder.string(), tokenizer_.end_id(), config.vocab_size));
  }
}

const at::Tensor& ClipScorer::text_embedding(const std::string& prompt) {
  const auto found = text_embeddings_.find(prompt);
  if (found != text_embeddings_.end()) return found->second;
  const auto ids = tokenizer_.encode(prompt, static_cast<size_t>(model_.config().max_positions));
  return text_embeddings_[prompt] = model_.text_embedding(ids, tokenizer_.end_id());
}

double ClipScorer::cosine(const data::Image& image, const std::string& prompt) {
  const at::Tensor pixels = clip_pixels(clip_resize(image, image_config_), image_config_);
  const at::Tensor image_embedding = model_.image_embedding(pixels);
  const at::Tensor& text = text_embedding(prompt);
  return (at::dot(image_embedding, text) / (image_embedding.norm() * text.norm())).item<double>();
}

double ClipScorer::score(const data::Image& image, const std::string& prompt) {
  return std::max(0.0, kScale * cosine(image, prompt));
}

std::map<std::string, double> clip_series(const std::vector<ClipScore>& scores,
                                          bool include_unconditional) {
  std::map<std::string, std::pair<double, int64_t>> sums;
  for (const ClipScore& score : scores) {
    auto& [sum, count] = sums[score.short_name];
    sum += score.score;
    ++count;
  }
  std::map<std::string, double> series;
  std::vector<double> means;
  for (const auto& [name, sum] : sums) {
    const double mean = sum.first / static_cast<double>(sum.second);
    series["clip/score/" + name] = mean;
    if (name != kUnconditional || include_unconditional) means.push_back(mean);
  }
  if (means.empty()) return series;
  double mean = 0.0;
  for (const double value : means) mean += value / static_cast<double>(means.size());
  double variance = 0.0;
  for (const double value : means) {
    variance += (value - mean) * (value - mean) / static_cast<double>(means.size());
  }
  series["clip/min"] = *std::min_element(means.begin(), means.end());
  series["clip/max"] = *std::max_element(means.begin(), means.end());
  series["clip/mean"] = mean;
  series["clip/std"] = std::sqrt(variance);
  return series;
}

}  // namespace omnigen::validate
