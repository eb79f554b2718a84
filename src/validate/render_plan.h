// What a validation renders: every prompt at every resolution, in a fixed order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/autoencoder.h"
#include "validate/flow_sampler.h"
#include "validate/prompt_list.h"
#include "validate/resolution_list.h"

namespace omnigen::validate {

enum class WeightsKind { kBase, kLive, kEma };
enum class EmaValidation { kNone, kOnly, kComparison };

struct ValidateOptions {
  std::vector<ValidationPrompt> prompts;
  ValidationPrompt negative;  // its ids are the unconditional branch of every image
  std::vector<Resolution> resolutions;
  int64_t images_per_prompt = 1;  // of every resolution
  SamplerOptions sampler;
  uint64_t seed = 0;
  bool randomize = false;  // a fresh seed for every image and step
  double adapter_strength = 1.0;
  EmaValidation ema = EmaValidation::kNone;
  bool single_rank = false;  // rank 0 renders alone
  bool save_unstitched = true;
  bool contact_sheet = true;
  std::string image_format = "png";       // of the files; also "jpeg", "webp"
  int64_t image_quality = 90;             // of the latter two
  model::AutoencoderOptions autoencoder;  // restored after a retry with tiling
  std::filesystem::path output_dir;
  std::string base_weights_id;  // benchmarks of other weights are rendered anew
};

struct RenderItem {
  size_t prompt = 0;
  Resolution resolution;
  uint64_t draw = 0;  // number among the images of this prompt and resolution
  int64_t index = 0;  // number among all images of this prompt
};

std::vector<RenderItem> plan_items(const ValidateOptions& options);

// The seed of an image: the prompt's own, else `seed`, or one drawn for (step, prompt, index) with
// `randomize`. Benchmarks are of step 0. The same on every rank.
uint64_t image_seed(const ValidateOptions& options, const RenderItem& item, int64_t step);

// "step_200_validation_0_1024x768".
std::string image_stem(const ValidateOptions& options, const RenderItem& item, int64_t step);
// "validation_1024x768", with "_<k>" for further images of one size.
std::string benchmark_stem(const ValidateOptions& options, const RenderItem& item);
// "validation - 1024x768", with " (<k>)" for further images of one size.
std::string image_tag(const ValidateOptions& options, const RenderItem& item);

double adapter_strength(const ValidateOptions& options, const RenderItem& item, WeightsKind kind);

// Text chunks of an image's file.
std::map<std::string, std::string> image_description(const ValidateOptions& options,
                                                     const RenderItem& item, WeightsKind kind,
                                                     int64_t step);

}  // namespace omnigen::validate
