// Pictures of a validation: benchmark beside checkpoint beside EMA, and a sheet of all of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/image.h"

namespace omnigen::validate {

inline constexpr int64_t kSeparatorWidth = 5;  // pixels

// A white image.
data::Image blank_image(int64_t width, int64_t height);

// Left to right with a grey separator between, white where heights differ, centred vertically.
data::Image join(const data::Image& left, const data::Image& right);

// In the top left corner: white with a black outline.
void draw_label(data::Image& image, const std::string& label);

// `Prompt: <text>` along the bottom, centred, over the picture; as many lines as a third of it
// holds.
void draw_prompt(data::Image& image, const std::string& prompt);

struct StitchParts {
  data::Image benchmark;  // empty: none
  data::Image checkpoint;
  std::string checkpoint_label;
  data::Image ema;  // empty: none
};
// benchmark | checkpoint with labels and the prompt, joined by the EMA image with its label.
// Without a benchmark the checkpoint has no label.
data::Image stitch(const StitchParts& parts, const std::string& prompt);

// Averages over the source area of every pixel. Errors: c10::Error if made larger.
data::Image shrink(const data::Image& image, int64_t width, int64_t height);

struct SheetRow {
  std::string name;
  std::vector<data::Image> images;  // one per column; an empty image leaves its cell blank
};

// Thumbnails of at most `cell` pixels a side, one row per prompt, one column per resolution.
data::Image contact_sheet(const std::string& title, const std::vector<std::string>& columns,
                          const std::vector<SheetRow>& rows, int64_t cell);

}  // namespace omnigen::validate
