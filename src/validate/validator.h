// Validation images: rendered over the ranks, compared with the untouched model, saved by rank 0.
//
//   <output_dir>/benchmarks/base_model/<short name>_<W>x<H>.png
//   <output_dir>/validation_images/step_<N>_<short name>_<index>_<W>x<H>.<format>
//   <output_dir>/validation_images/unstitched/…
//   <output_dir>/validation_images/step_<N>_contact_sheet.<format>
//
// Benchmark | live [| EMA]; each part alone; all of them, small.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "data/image.h"
#include "validate/benchmark_store.h"
#include "validate/image_renderer.h"
#include "validate/render_plan.h"
#include "validate/render_pool.h"

namespace omnigen::validate {

// Puts the averaged weights in place of the live ones and back; both collective.
struct EmaSwap {
  std::function<void()> enter;
  std::function<void()> leave;
};

struct ValidationImage {
  std::string short_name;
  std::string tag;  // for trackers
  int64_t index = 0;
  int64_t width = 0;  // of one part
  int64_t height = 0;
  std::string png;  // the stitched picture
  int64_t picture_width = 0;
  int64_t picture_height = 0;
  std::filesystem::path path;
  std::string prompt;
  std::string unstitched_png;  // the checkpoint's image alone, which scores are computed from
};

// Complete on rank 0; `seconds` only elsewhere.
struct ValidationResult {
  std::vector<ValidationImage> images;
  int64_t num_failed = 0;
  double seconds = 0.0;
};

class Validator {
 public:
  Validator(ValidateOptions options, comm::ProcessGroup& group);

  // Renders the untouched model where its images are missing or of other settings. A model that is
  // trained whole must not have been trained or resumed yet. Collective.
  void render_benchmarks(const RenderModels& models);

  // Renders, stitches and saves the images of a step. `ema` may be empty. Collective.
  // Errors: Error when the live weights differ after the EMA pass. What fails in one image, writing
  // its file included, is logged and that image left out.
  ValidationResult run(int64_t step, const RenderModels& models, const EmaSwap& ema = {});

  // Those of render_benchmarks() that there are; on rank 0 only.
  [[nodiscard]] std::vector<ValidationImage> benchmark_images() const;

  [[nodiscard]] const ValidateOptions& options() const { return options_; }

 private:
  struct Parts;
  using Deliver = std::function<void(size_t item, const std::string& png)>;

  // PNG bytes of every item that did not fail go to `deliver`, on rank 0. Returns how many failed.
  int64_t render(const std::vector<RenderItem>& items, ImageRenderer& renderer,
                 const std::string& title, const Deliver& deliver);
  int64_t render_ema(int64_t step, const RenderModels& models, const EmaSwap& ema,
                     const Deliver& deliver);
  ValidationImage finish(int64_t step, const RenderItem& item, const Parts& parts);
  // A picture in the format of files.
  [[nodiscard]] std::string as_file(const std::string& png, const data::Image& image) const;
  void save_part(const std::string& stem, const std::string& png, const data::Image& image) const;
  void save_contact_sheet(int64_t step, const std::vector<ValidationImage>& images) const;
  void notice_no_change(int64_t step);

  ValidateOptions options_;
  comm::ProcessGroup& group_;
  std::vector<RenderItem> items_;
  BenchmarkStore benchmarks_;
  int64_t num_compared_ = 0;  // images of the first validation beside their benchmark
  int64_t num_equal_ = 0;
  bool noticed_ = false;
};

}  // namespace omnigen::validate
