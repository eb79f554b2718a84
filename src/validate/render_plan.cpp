#include "validate/render_plan.h"

#include <fmt/format.h>

#include "util/seed_stream.h"

namespace omnigen::validate {
namespace {

constexpr uint64_t kSeedMask = 0xFFFFFFFF;  // a seed that can be typed again

const char* kind_name(WeightsKind kind) {
  switch (kind) {
    case WeightsKind::kBase:
      return "base model";
    case WeightsKind::kLive:
      return "live";
    default:
      return "EMA";
  }
}

std::string number(double value) {
  return fmt::format("{:g}", value);
}

}  // namespace

std::vector<RenderItem> plan_items(const ValidateOptions& options) {
  std::vector<RenderItem> items;
  for (size_t prompt = 0; prompt < options.prompts.size(); ++prompt) {
    int64_t index = 0;
    for (const Resolution& resolution : options.resolutions) {
      for (int64_t draw = 0; draw < options.images_per_prompt; ++draw) {
        items.push_back({prompt, resolution, static_cast<uint64_t>(draw), index++});
      }
    }
  }
  return items;
}

uint64_t image_seed(const ValidateOptions& options, const RenderItem& item, int64_t step) {
  const auto& own = options.prompts[item.prompt].seed;
  if (own || !options.randomize) return own.value_or(options.seed);
  util::SeedStream stream(options.seed, "validation_randomize",
                          {options.prompts[item.prompt].short_name, std::to_string(item.index)},
                          static_cast<uint64_t>(step));
  return stream.next_u64() & kSeedMask;
}

std::string image_stem(const ValidateOptions& options, const RenderItem& item, int64_t step) {
  return fmt::format("step_{}_{}_{}_{}", step, file_stem(options.prompts[item.prompt].short_name),
                     item.index, resolution_text(item.resolution));
}

std::string benchmark_stem(const ValidateOptions& options, const RenderItem& item) {
  return fmt::format("{}_{}{}", file_stem(options.prompts[item.prompt].short_name),
                     resolution_text(item.resolution),
                     item.draw == 0 ? "" : fmt::format("_{}", item.draw));
}

std::string image_tag(const ValidateOptions& options, const RenderItem& item) {
  return fmt::format("{} - {}{}", options.prompts[item.prompt].short_name,
                     resolution_text(item.resolution),
                     item.draw == 0 ? "" : fmt::format(" ({})", item.draw));
}

double adapter_strength(const ValidateOptions& options, const RenderItem& item, WeightsKind kind) {
  if (kind == WeightsKind::kBase) return 0.0;
  return options.prompts[item.prompt].adapter_strength.value_or(options.adapter_strength);
}

std::map<std::string, std::string> image_description(const ValidateOptions& options,
                                                     const RenderItem& item, WeightsKind kind,
                                                     int64_t step) {
  return {{"prompt", options.prompts[item.prompt].text},
          {"negative_prompt", options.negative.text},
          {"seed", std::to_string(image_seed(options, item, step))},
          {"image", std::to_string(item.draw)},
          {"steps", std::to_string(options.sampler.num_steps)},
          {"guidance", number(options.sampler.guidance)},
          {"guidance_rescale", number(options.sampler.guidance_rescale)},
          {"flow_shift", number(options.sampler.shift)},
          {"resolution", resolution_text(item.resolution)},
          {"global_step", std::to_string(step)},
          {"weights", kind_name(kind)},
          {"adapter_strength", number(adapter_strength(options, item, kind))}};
}

}  // namespace omnigen::validate
