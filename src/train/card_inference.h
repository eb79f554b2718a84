// The card's section on how to make images with the result.
#pragma once

#include <string>

#include "train/model_card.h"

namespace omnigen::train {

std::string inference_section(const CardFacts& facts);

}  // namespace omnigen::train
