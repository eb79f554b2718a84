// The model card of a run: README.md for people and for the Hub, which reads its front matter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/load.h"
#include "train/run_plan.h"

namespace omnigen::train {

// A sample image of the card and how it was made.
struct CardWidget {
  std::string prompt;
  std::string url;  // "./assets/image_0_0.png"
};

struct CardFacts {
  const config::LoadResult& loaded;
  const RunPlan& plan;
  std::string title;     // repository id
  std::string endpoint;  // for links
  std::string negative_prompt;
  int64_t step = 0;
  int64_t epoch = 0;  // finished ones
  std::vector<CardWidget> widgets;
};

// "Shitao/OmniGen-v1-diffusers" for a Hub id or a folder of that name; "omnigen/unknown-model" for
// any other folder.
std::string base_model_id(const std::string& name_or_path);

// The whole text.
std::string model_card(const CardFacts& facts);

// What a commit of it says.
std::string commit_message(const CardFacts& facts);

}  // namespace omnigen::train
