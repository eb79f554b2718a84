#include "validate/paired_difference.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <cmath>

#include "util/student_t.h"

namespace omnigen::validate {
namespace {

constexpr double kConfidence = 0.95;

}  // namespace

std::vector<double> comparison_items(const std::vector<std::vector<double>>& losses) {
  std::vector<double> items;
  for (const std::vector<double>& of_image : losses) {
    if (losses.size() >= kFewestImages) {
      items.push_back(util::mean_of(of_image));
    } else {
      items.insert(items.end(), of_image.begin(), of_image.end());
    }
  }
  return items;
}

PairedDifference paired_difference(const std::vector<std::vector<double>>& base,
                                   const std::vector<std::vector<double>>& other) {
  TORCH_CHECK(!base.empty() && base.size() == other.size(), "paired_difference: ", base.size(),
              " and ", other.size(), " images");
  for (size_t image = 0; image < base.size(); ++image) {
    TORCH_CHECK(!base[image].empty() && base[image].size() == other[image].size(),
                "paired_difference: ", base[image].size(), " and ", other[image].size(), " times");
  }
  std::vector<double> items = comparison_items(base);
  const std::vector<double> subtracted = comparison_items(other);
  for (size_t i = 0; i < items.size(); ++i) items[i] -= subtracted[i];
  const util::MeanInterval interval = util::mean_interval(items, kConfidence);
  PairedDifference difference;
  difference.over_images = base.size() >= kFewestImages;
  difference.num_items = items.size();
  difference.mean = interval.mean;
  difference.interval = interval.half_width;
  return difference;
}

std::string difference_text(const PairedDifference& difference) {
  std::string text =
      fmt::format("{} than the untouched model by {:.4f}", difference.mean < 0 ? "worse" : "better",
                  std::abs(difference.mean));
  if (!difference.interval) return text;
  return text + fmt::format(" +- {:.4f} (95 %, paired over {} {})", *difference.interval,
                            difference.num_items,
                            difference.over_images ? "images" : "losses of few images");
}

}  // namespace omnigen::validate
