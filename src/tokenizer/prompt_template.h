// The prompt as the transformer is given it: templated text, token ids, places of input images.
//
// Source: VectorSpaceLab/OmniGen, OmniGen/processor.py; diffusers, processor_omnigen.py.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace omnigen::tokenizer {

// Text of the unconditional branch when sampling.
inline constexpr std::string_view kDefaultNegativePrompt =
    "low quality, jpeg artifacts, ugly, duplicate, morbid, mutilated, extra fingers, mutated "
    "hands, poorly drawn hands, poorly drawn face, mutation, deformed, blurry, dehydrated, bad "
    "anatomy, bad proportions, extra limbs, cloned face, disfigured, gross proportions, malformed "
    "limbs, missing arms, missing legs, extra arms, extra legs, fused fingers, too many fingers.";
// Text of a dropped condition in OmniGen's own training.
inline constexpr std::string_view kDroppedConditionPrompt = "<cfg>";

// The ids [start, end) stand for the tokens of input image number `image` (from 1) and are 0.
struct ImageSlot {
  int64_t start = 0;
  int64_t end = 0;
  int64_t image = 0;
  bool operator==(const ImageSlot&) const = default;
};

struct PromptIds {
  std::vector<int64_t> ids;
  std::vector<ImageSlot> slots;  // in order of appearance in the text
};

std::string templated_prompt(std::string_view prompt);

// Ids of the templated prompt. `image_tokens[k]` is the number of tokens of input image k + 1:
// width x height / 256 of its pixels (0 leaves an empty slot, whose place can be filled later). The
// text names images as <img><|image_1|></img>; one image may be named several times. Errors:
// DataError if the numbers in the text are not exactly 1 to image_tokens.size(), or a text without
// images names one.
PromptIds encode_prompt(const Tokenizer& tokenizer, std::string_view prompt,
                        std::span<const int64_t> image_tokens = {});

// Prompt of the image guidance branch: all images, by number, no instruction.
std::string image_guidance_prompt(int64_t num_images);

}  // namespace omnigen::tokenizer
