// How much lower one set of losses is than another over the same items, with its 95 % interval.
//
// Losses of two models on equal images, noise and times differ by far less than they scatter, so
// the difference is formed item by item: d_i = base_i - other_i, mean ± t(n − 1)·s/√n, s with n − 1
// in its denominator. Items are images, each averaged over its times: a model's gains on one image
// at neighbouring times go together. Fewer than `kFewestImages` images say too little by
// themselves; then items are single losses, (image, time), and the interval speaks of these images
// only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace omnigen::validate {

inline constexpr size_t kFewestImages = 5;

struct PairedDifference {
  double mean = 0.0;               // positive: the other losses are lower
  std::optional<double> interval;  // half width; nothing where there is one item
  size_t num_items = 0;
  bool over_images = false;
};

// Losses by [image][time]. Errors: c10::Error where the shapes differ or there is no image.
PairedDifference paired_difference(const std::vector<std::vector<double>>& base,
                                   const std::vector<std::vector<double>>& other);

// The items of such a comparison, in order: what a later one against these losses needs to know.
std::vector<double> comparison_items(const std::vector<std::vector<double>>& losses);

// "better than the untouched model by 0.0123 +- 0.0045 (95 %, paired over 8 images)".
std::string difference_text(const PairedDifference& difference);

}  // namespace omnigen::validate
