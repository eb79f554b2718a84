#include "config/dataset_rules.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

#include "config/dataset_entry.h"
#include "config/dataset_values.h"
#include "config/text.h"
#include "config/value.h"

namespace omnigen::config {
namespace {

// From here on megapixels are surely pixels.
constexpr double kTooManyMegapixels = 20;
constexpr double kTooLargeMinimum = 5;
constexpr double kFewPixels = 512;
constexpr int64_t kPatch = 16;
constexpr const char* kExamplePrompt = "the name of your subject goes here";

struct Rules {
  const Json& own;
  const Config& globals;
  DatasetConfig& dataset;
  Messages& messages;

  std::string key(const char* name) const {
    return fmt::format("dataset \"{}\": {}", dataset.id, name);
  }
  bool given(const char* name) const { return own.contains(name) && !is_unset(own.at(name)); }
  void error(const char* name, const std::string& text, const char* id) const {
    messages.error(key(name), text, id);
  }
};

void check_role(const Rules& rules) {
  DatasetConfig& dataset = rules.dataset;
  if (!dataset.conditioning_type.empty()) dataset.dataset_type = "conditioning";
  const bool named = dataset.id.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789._-") == std::string::npos;
  if (!named || dataset.id == "." || dataset.id == "..") {
    rules.error("id", "may hold letters, digits, \".\", \"_\" and \"-\" only, since it names files",
                "E43");
  }
  if (rules.given("caption_filter_list") && dataset.dataset_type != "text_embeds") {
    rules.error("caption_filter_list", "belongs to a text_embeds entry. Move it there", "E05");
  }
  if (dataset.is_regularisation_data && rules.globals.model.model_type == "full") {
    rules.error("is_regularisation_data",
                "needs an adapter that can be switched off; model_type is full. Leave it out",
                "E46");
  }
  if (dataset.is_eval()) dataset.train_batch_size = 1;
  if (dataset.vae_cache_disable) dataset.vae_cache_ondemand = true;
}

// The entry's own size, else the global one with the global unit.
std::optional<double> size_in_unit(const Rules& rules, const char* name,
                                   const std::string& own_type,
                                   const std::optional<double>& inherited) {
  const std::string unit = own_type == "pixel" ? "pixel" : "area";
  double own = 0;
  if (rules.given(name) && assign(rules.own.at(name), &own).empty()) {
    return convert_size(own, own_type, unit);
  }
  if (!inherited) return std::nullopt;
  return convert_size(*inherited, rules.globals.data.resolution_type, unit);
}

void check_pixels(const Rules& rules) {
  const DatasetConfig& dataset = rules.dataset;
  const auto edge = static_cast<int64_t>(dataset.resolution);
  if (edge % kPatch != 0) {
    rules.error("resolution",
                fmt::format("{} is no multiple of {}. Write {} or {}", edge, kPatch,
                            edge / kPatch * kPatch, (edge / kPatch + 1) * kPatch),
                "1.5");
  }
  const auto warn_small = [&](const char* name, const std::optional<double>& size) {
    if (!size || *size <= 0 || *size >= kFewPixels) return;
    rules.messages.warn(rules.key(name),
                        fmt::format("{} with resolution_type pixel is {} pixels", *size, *size),
                        "C14");
  };
  warn_small("maximum_image_size", dataset.maximum_image_size);
  warn_small("target_downsample_size", dataset.target_downsample_size);
}

void check_area(const Rules& rules, const std::string& own_type) {
  const auto check = [&](const char* name, const std::optional<double>& size, double limit) {
    if (!size || *size < limit || (limit == kTooLargeMinimum && *size == limit)) return;
    const bool as_megapixels =
        rules.given(name) ? own_type == "area" : rules.globals.data.resolution_type == "area";
    if (!as_megapixels) return;
    rules.error(name,
                fmt::format("values are megapixels for `area`; {0:g} means {0:g} MP. Write 1.0 for "
                            "1024x1024, or use resolution_type pixel_area",
                            *size),
                limit == kTooLargeMinimum ? "E13" : "C13");
  };
  const DatasetConfig& dataset = rules.dataset;
  check("resolution", dataset.resolution, kTooManyMegapixels);
  check("maximum_image_size", dataset.maximum_image_size, kTooManyMegapixels);
  check("target_downsample_size", dataset.target_downsample_size, kTooManyMegapixels);
  check("minimum_image_size", dataset.minimum_image_size, kTooLargeMinimum);
}

void resolve_sizes(const Rules& rules) {
  DatasetConfig& dataset = rules.dataset;
  const DataConfig& globals = rules.globals.data;
  if (!rules.given("resolution_type")) dataset.resolution_type = globals.resolution_type;
  const std::string own_type = dataset.resolution_type;
  if (own_type != "pixel" && own_type != "area" && own_type != "pixel_area")
    return;  // told already

  if (own_type == "pixel_area" && rules.given("resolution") &&
      dataset.resolution != std::trunc(dataset.resolution)) {
    rules.error(
        "resolution",
        fmt::format("{} is no whole number of pixels. Write one, or use resolution_type area",
                    dataset.resolution),
        "1.5");
  }
  dataset.resolution =
      size_in_unit(rules, "resolution", own_type, globals.resolution).value_or(dataset.resolution);
  dataset.minimum_image_size =
      size_in_unit(rules, "minimum_image_size", own_type, globals.minimum_image_size);
  dataset.maximum_image_size =
      size_in_unit(rules, "maximum_image_size", own_type, globals.maximum_image_size);
  dataset.target_downsample_size =
      size_in_unit(rules, "target_downsample_size", own_type, globals.target_downsample_size);
  dataset.resolution_type = own_type == "pixel" ? "pixel" : "area";

  if (dataset.maximum_image_size.value_or(0) > 0 &&
      dataset.target_downsample_size.value_or(0) <= 0) {
    rules.error("maximum_image_size",
                "When providing maximum_image_size, you must also provide a value for "
                "target_downsample_size",
                "C12");
  }
  if (!dataset.holds_images()) return;
  if (own_type == "pixel") {
    check_pixels(rules);
  } else {
    check_area(rules, own_type);
  }
}

void check_crop(const Rules& rules) {
  const DatasetConfig& dataset = rules.dataset;
  if (dataset.crop_aspect != "random" && dataset.crop_aspect != "closest") return;
  if (dataset.crop_aspect_buckets.empty()) {
    rules.error("crop_aspect_buckets",
                fmt::format("crop_aspect {} needs a list of aspect ratios, as [0.75, 1.0, 1.5]",
                            dataset.crop_aspect),
                "E05");
  } else if (dataset.crop_aspect == "closest" && dataset.crop_aspect_buckets.front().weight) {
    rules.error("crop_aspect_buckets", "crop_aspect closest takes numbers, no weights", "E05");
  }
}

// A path instead of the list: .json holds a list, anything else one entry a line.
void read_filter_file(const Rules& rules) {
  DatasetConfig& dataset = rules.dataset;
  if (!rules.given("caption_filter_list") || !rules.own.at("caption_filter_list").is_string())
    return;
  const std::string name = dataset.caption_filter_list.front();
  std::ifstream stream(name);
  if (!stream) {
    rules.error("caption_filter_list", fmt::format("{} cannot be read", name), "E05");
    return;
  }
  dataset.caption_filter_list.clear();
  if (lower(std::filesystem::path(name).extension().string()) == ".json") {
    const std::string problem = assign(read_json(name), &dataset.caption_filter_list);
    if (!problem.empty()) rules.error("caption_filter_list", name + ": " + problem, "E05");
    return;
  }
  for (std::string line; std::getline(stream, line);) {
    if (!trim(line).empty()) dataset.caption_filter_list.push_back(trim(line));
  }
}

void check_captions(const Rules& rules) {
  const DatasetConfig& dataset = rules.dataset;
  if (!dataset.has_cache()) return;
  bool has_prompt = !dataset.instance_prompt.empty();
  for (const std::string& prompt : dataset.instance_prompt) {
    has_prompt = has_prompt && !prompt.empty();
    if (prompt != kExamplePrompt) continue;
    rules.messages.warn(rules.key("instance_prompt"),
                        "instance_prompt is still the example text. Write your subject's name",
                        "M38");
  }
  if (has_prompt) return;
  if (dataset.caption_strategy == "instanceprompt") {
    rules.error("caption_strategy", "caption_strategy instanceprompt needs instance_prompt", "M37");
  } else if (dataset.prepend_instance_prompt) {
    rules.error("prepend_instance_prompt", "needs instance_prompt", "E27");
  } else if (dataset.only_instance_prompt) {
    rules.error("only_instance_prompt", "needs instance_prompt", "E27");
  }
}

void check_window(const Rules& rules) {
  const DatasetConfig& dataset = rules.dataset;
  const auto check = [&](const char* name, int64_t start, const std::optional<int64_t>& end) {
    if (!end || *end >= start) return;
    rules.error(name, fmt::format("{} is before the start, {}", *end, start), "E45");
  };
  check("end_epoch", dataset.start_epoch, dataset.end_epoch);
  check("end_step", dataset.start_step, dataset.end_step);
}

// Known, and of influence on what is learned, without effect in this version.
void note_idle(const Rules& rules) {
  const DatasetConfig& dataset = rules.dataset;
  const auto idle = [&](const char* name, const std::string& text, bool training_only) {
    rules.messages.not_acting(rules.key(name), text, "E04", training_only);
  };
  if (dataset.conditioning_type == "controlnet") {
    rules.error("conditioning_type", "OmniGen has no ControlNet. Leave the entry out", "E04");
  } else if (dataset.dataset_type == "conditioning" && !dataset.is_mask()) {
    idle("dataset_type", "input images of edit data are not trained yet. Disable the entry", false);
  }
  if (!dataset.is_trained()) return;
  if (dataset.probability != 1.0) {
    idle("probability",
         fmt::format(
             "{} does not act: every sample is drawn once an epoch. Use repeats, or 0 to leave "
             "the data set out",
             dataset.probability),
         true);
  }
  if (dataset.slider_strength != 1.0)
    idle("slider_strength", "does not act yet. Leave it out", true);
  if (dataset.train_batch_size != rules.globals.train.train_batch_size) {
    idle("train_batch_size", "all data sets share the global train_batch_size. Leave it out", true);
  }
  if (dataset.start_epoch > 1 || dataset.start_step > 1 || dataset.end_epoch || dataset.end_step) {
    idle("start_epoch", "windows of epochs or steps do not act yet. Leave them out", true);
  }
  if (dataset.vae_cache_clear_each_epoch && !dataset.vae_cache_ondemand) {
    rules.messages.warn(rules.key("vae_cache_clear_each_epoch"),
                        "the cuts of the cache are used in every epoch; vae_cache_ondemand cuts "
                        "anew",
                        "5.5");
  }
}

}  // namespace

void apply_dataset_rules(const Json& own, const Config& globals, DatasetConfig* dataset,
                         Messages* messages) {
  const Rules rules{own, globals, *dataset, *messages};
  check_role(rules);
  resolve_sizes(rules);
  check_crop(rules);
  read_filter_file(rules);
  check_captions(rules);
  check_window(rules);
  note_idle(rules);
}

}  // namespace omnigen::config
