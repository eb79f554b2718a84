#include "validate/paired_difference.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <cmath>
#include <numeric>

#include "util/student_t.h"

namespace omnigen::validate {
namespace {

constexpr double kConfidence = 0.95;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::vector<double> comparison_items(const std::vector<std::vector<double>>& losses) {
  std::vector<double> items;
  for (const std::vector<double>& of_image : losses) {
    if (losses.size() >= kFewestImages) {
      items.push_back(mean_of(of_image));
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
  std::vector<double> by_image;
  std::vector<double> by_loss;
  for (size_t image = 0; image < base.size(); ++image) {
    TORCH_CHECK(!base[image].empty() && base[image].size() == other[image].size(),
                "paired_difference: ", base[image].size(), " and ", other[image].size(), " times");
    for (size_t k = 0; k < base[image].size(); ++k) {
      by_loss.push_back(base[image][k] - other[image][k]);
    }
    by_image.push_back(mean_of(base[image]) - mean_of(other[image]));
  }
  PairedDifference difference;
  difference.over_images = by_image.size() >= kFewestImages;
  const std::vector<double>& items = difference.over_images ? by_image : by_loss;
  difference.num_items = items.size();
  difference.mean = mean_of(items);
  if (items.size() < 2) return difference;
  double squares = 0.0;
  for (const double item : items) squares += (item - difference.mean) * (item - difference.mean);
  const auto n = static_cast<double>(items.size());
  difference.interval = util::student_t_quantile(kConfidence, std::ssize(items) - 1) *
                        std::sqrt(squares / (n - 1) / n);
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
