#include "validate/validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "data/image_decode.h"
#include "data/image_encode.h"
#include "io/atomic_file.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/stopwatch.h"
#include "validate/image_grid.h"

namespace omnigen::validate {
namespace {

constexpr int64_t kThumbnail = 320;  // pixels a side

const char* const kImageFolder = "validation_images";

// Of the weights that are trained: all of an adapter; of a whole model in debug builds only, since
// that takes its time.
uint64_t weights_checksum(const RenderModels& models) {
  std::vector<at::Tensor> tensors;
  if (models.adapters != nullptr) {
    for (const auto& parameter : models.adapters->parameters()) tensors.push_back(parameter.value);
  }
#ifndef NDEBUG
  if (models.adapters == nullptr) {
    for (const auto& [name, weight] : models.transformer.named_weights()) tensors.push_back(weight);
  }
#endif
  std::string hashes;
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
    hashes +=
        util::hex64(util::xxh3_64({static_cast<const char*>(host.data_ptr()), host.nbytes()}));
  }
  return util::xxh3_64(hashes);
}

// The indices that rank 0 chose, on every rank.
std::vector<size_t> agree_on(const std::vector<size_t>& chosen, comm::ProcessGroup& group) {
  const std::string text = group.broadcast_bytes(nlohmann::json(chosen).dump(), 0);
  return nlohmann::json::parse(text).get<std::vector<size_t>>();
}

}  // namespace

struct Validator::Parts {
  std::string checkpoint;
  std::string checkpoint_label;
  std::string ema;  // empty: none
};

Validator::Validator(ValidateOptions options, comm::ProcessGroup& group)
    : options_(std::move(options)),
      group_(group),
      items_(plan_items(options_)),
      benchmarks_(options_.output_dir) {}

int64_t Validator::render(const std::vector<RenderItem>& items, ImageRenderer& renderer,
                          const std::string& title, const Deliver& deliver) {
  int64_t num_failed = 0;
  const auto fail = [&](const RenderItem& item, int rank, const std::string& reason) {
    ++num_failed;
    util::log::error(
        fmt::format("{}: image \"{}\" {} failed on rank {} and is left out: {} (prompt: {})", title,
                    options_.prompts[item.prompt].short_name, resolution_text(item.resolution),
                    rank, reason, options_.prompts[item.prompt].text));
  };
  RenderPool pool;
  pool.num_items = items.size();
  pool.single_rank = options_.single_rank;
  pool.title = title;
  pool.render = [&](size_t i, const auto& report) { return renderer.render(items[i], report); };
  pool.deliver = [&](size_t i, const Rendered& rendered) {
    if (!rendered.ok()) return fail(items[i], rendered.rank, rendered.error);
    try {
      deliver(i, rendered.png);
    } catch (const util::Error& error) {
      fail(items[i], group_.rank(), error.what());
    }
  };
  render_over_ranks(pool, group_);
  return num_failed;
}

void Validator::render_benchmarks(const RenderModels& models) {
  std::vector<size_t> missing;
  for (size_t i = 0; i < items_.size() && group_.is_root(); ++i) {
    if (!benchmarks_.is_current(options_, items_[i])) missing.push_back(i);
  }
  std::vector<RenderItem> items;
  for (const size_t i : agree_on(missing, group_)) items.push_back(items_[i]);
  if (items.empty()) return;
  const util::Stopwatch watch;
  ImageRenderer renderer(options_, models, WeightsKind::kBase, 0);
  render(items, renderer, "base model",
         [&](size_t i, const std::string& png) { benchmarks_.save(options_, items[i], png); });
  util::log::info(fmt::format("base model: {} of {} benchmark images rendered in {:.1f} s",
                              items.size(), items_.size(), watch.elapsed_s()));
}

std::vector<ValidationImage> Validator::benchmark_images() const {
  std::vector<ValidationImage> images;
  for (const RenderItem& item : items_) {
    const std::string png = group_.is_root() ? benchmarks_.load(options_, item) : std::string();
    if (png.empty()) continue;
    ValidationImage image;
    image.short_name = options_.prompts[item.prompt].short_name;
    image.tag = image_tag(options_, item);
    image.index = item.index;
    image.width = item.resolution.width;
    image.height = item.resolution.height;
    image.prompt = options_.prompts[item.prompt].text;
    image.unstitched_png = png;
    images.push_back(std::move(image));
  }
  return images;
}

int64_t Validator::render_ema(int64_t step, const RenderModels& models, const EmaSwap& ema,
                              const Deliver& deliver) {
  const uint64_t before = weights_checksum(models);
  ema.enter();
  int64_t num_failed = 0;
  {
    ImageRenderer renderer(options_, models, WeightsKind::kEma, step);
    num_failed = render(items_, renderer, fmt::format("validation at step {}, EMA", step), deliver);
  }
  ema.leave();
  if (weights_checksum(models) != before) {
    throw util::Error(fmt::format(
        "validation at step {}: the live weights changed while the EMA weights were rendered",
        step));
  }
  return num_failed;
}

ValidationResult Validator::run(int64_t step, const RenderModels& models, const EmaSwap& ema) {
  const util::Stopwatch watch;
  ValidationResult result;
  const bool with_ema = static_cast<bool>(ema.enter) && options_.ema != EmaValidation::kNone;
  const bool ema_only = with_ema && options_.ema == EmaValidation::kOnly;
  const std::string label = ema_only ? "EMA" : fmt::format("step {}", step);
  std::vector<std::string> live(items_.size());
  const auto finish_item = [&](size_t i, const std::string& checkpoint,
                               const std::string& average) {
    result.images.push_back(finish(step, items_[i], {checkpoint, label, average}));
  };
  if (!ema_only) {
    ImageRenderer renderer(options_, models, WeightsKind::kLive, step);
    result.num_failed += render(items_, renderer, fmt::format("validation at step {}", step),
                                [&](size_t i, const std::string& png) {
                                  if (with_ema) {
                                    live[i] = png;
                                  } else {
                                    finish_item(i, png, "");
                                  }
                                });
  }
  if (with_ema) {
    std::vector<bool> finished(items_.size(), false);
    result.num_failed += render_ema(step, models, ema, [&](size_t i, const std::string& png) {
      finished[i] = true;
      if (ema_only) finish_item(i, png, "");
      if (!live[i].empty()) finish_item(i, live[i], png);
    });
    for (size_t i = 0; i < items_.size(); ++i) {  // whose EMA image failed
      if (!finished[i] && !live[i].empty()) finish_item(i, live[i], "");
    }
  }
  result.seconds = watch.elapsed_s();
  if (!group_.is_root()) return result;
  save_contact_sheet(step, result.images);
  notice_no_change(step);
  util::log::info(fmt::format(
      "validation at step {}: {} prompts x {} resolutions, {} images in {:.1f} s", step,
      options_.prompts.size(), options_.resolutions.size(), result.images.size(), result.seconds));
  return result;
}

ValidationImage Validator::finish(int64_t step, const RenderItem& item, const Parts& parts) {
  const std::string stem = image_stem(options_, item, step);
  const auto folder = options_.output_dir / kImageFolder;
  const std::string benchmark = benchmarks_.load(options_, item);
  const auto decode = [&](const std::string& png) {
    return png.empty() ? data::Image{} : data::decode_image(png, stem).image;
  };
  const StitchParts pixels = {decode(benchmark), decode(parts.checkpoint), parts.checkpoint_label,
                              decode(parts.ema)};
  if (!pixels.benchmark.empty()) {
    ++num_compared_;
    num_equal_ += pixels.benchmark.pixels == pixels.checkpoint.pixels ? 1 : 0;
  }
  const ValidationPrompt& prompt = options_.prompts[item.prompt];
  const data::Image picture = stitch(pixels, prompt.text);
  const auto kind = parts.checkpoint_label == "EMA" ? WeightsKind::kEma : WeightsKind::kLive;
  const auto description = image_description(options_, item, kind, step);
  ValidationImage image = {prompt.short_name,
                           image_tag(options_, item),
                           item.index,
                           item.resolution.width,
                           item.resolution.height,
                           data::encode_png(picture, description),
                           picture.width,
                           picture.height,
                           folder / (stem + data::image_extension(options_.image_format)),
                           prompt.text,
                           parts.checkpoint};
  io::write_atomically(image.path, as_file(image.png, picture));
  if (options_.save_unstitched) {
    save_part(stem, parts.checkpoint, pixels.checkpoint);
    if (!parts.ema.empty()) save_part(stem + "_ema", parts.ema, pixels.ema);
  }
  return image;
}

std::string Validator::as_file(const std::string& png, const data::Image& image) const {
  return options_.image_format == "png"
             ? png
             : data::encode_image(image, options_.image_format, options_.image_quality);
}

void Validator::save_part(const std::string& stem, const std::string& png,
                          const data::Image& image) const {
  io::write_atomically(options_.output_dir / kImageFolder / "unstitched" /
                           (stem + data::image_extension(options_.image_format)),
                       as_file(png, image));
}

void Validator::save_contact_sheet(int64_t step, const std::vector<ValidationImage>& images) const {
  if (!options_.contact_sheet || images.size() < 2) return;
  std::vector<std::string> columns;
  for (const RenderItem& item : items_) {
    if (item.prompt != 0) break;
    columns.push_back(resolution_text(item.resolution));
  }
  std::vector<SheetRow> rows;
  for (const ValidationPrompt& prompt : options_.prompts) {
    rows.push_back({prompt.short_name + ": " + prompt.text, {}});
    rows.back().images.resize(columns.size());
    for (const ValidationImage& image : images) {
      if (image.short_name != prompt.short_name) continue;
      rows.back().images[static_cast<size_t>(image.index)] =
          data::decode_image(image.unstitched_png, image.short_name).image;
    }
  }
  const auto sheet =
      contact_sheet(fmt::format("validation at step {}", step), columns, rows, kThumbnail);
  try {
    io::write_atomically(options_.output_dir / kImageFolder /
                             fmt::format("step_{}_contact_sheet{}", step,
                                         data::image_extension(options_.image_format)),
                         data::encode_image(sheet, options_.image_format, options_.image_quality));
  } catch (const util::Error& error) {
    util::log::error(error.what());
  }
}

void Validator::notice_no_change(int64_t step) {
  if (noticed_ || step <= 0 || num_compared_ == 0) return;
  noticed_ = true;
  if (num_equal_ == num_compared_) {
    util::log::warn(
        "validation image equals the base model; is the learning rate 0 or the adapter empty?");
  }
}

}  // namespace omnigen::validate
