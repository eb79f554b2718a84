// The images of a run for its page: validation images over the steps beside the untouched model's,
// and examples of the data sets; small, and each of them once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/run_records.h"

namespace omnigen::report {

// A part of an image that was resized first; all in pixels.
struct Cut {
  int64_t resized_width = 0;
  int64_t resized_height = 0;
  int64_t left = 0;
  int64_t top = 0;
  int64_t width = 0;
  int64_t height = 0;
};

struct Thumbnail {
  std::string type;  // "image/webp"
  std::string bytes;
};

// Reads, cuts, makes smaller so that no edge exceeds `max_edge`, and encodes. Nothing where the
// file cannot be read: a page does not fail over a picture.
using MakeThumbnail = std::function<std::optional<Thumbnail>(
    const std::filesystem::path& file, const std::optional<Cut>& cut, int64_t max_edge)>;

// Images of the page as data URIs, by number.
class ImageStore {
 public:
  explicit ImageStore(MakeThumbnail make) : make_(std::move(make)) {}

  // -1 where it cannot be read.
  int64_t add(const std::filesystem::path& file, int64_t max_edge,
              const std::optional<Cut>& cut = std::nullopt);
  [[nodiscard]] const nlohmann::ordered_json& uris() const { return uris_; }
  [[nodiscard]] int64_t num_failed() const { return num_failed_; }

 private:
  MakeThumbnail make_;
  nlohmann::ordered_json uris_ = nlohmann::ordered_json::array();
  int64_t num_failed_ = 0;
};

// One prompt at one size, over the steps. Image numbers; -1: there is none.
struct PromptImages {
  struct Shot {
    int64_t step = 0;
    int64_t live = -1;
    int64_t average = -1;
    bool stitched = false;  // `live` shows untouched, live and averaged in one
  };
  std::string name;
  std::string prompt;  // empty: not recorded
  std::string size;    // "512x512"
  int64_t base = -1;
  std::vector<Shot> shots;  // by step
};

struct Gallery {
  std::vector<PromptImages> prompts;
  size_t num_steps = 0;  // that have images
  size_t num_shown = 0;
  size_t num_left_out = 0;     // prompts
  bool averages_only = false;  // `live` shows the averaged weights
};

// From validation_images/ and benchmarks/. Where there are too many, steps are left out evenly,
// never the first or the last.
Gallery collect_gallery(const RunRecords& records, ImageStore* images);

}  // namespace omnigen::report
