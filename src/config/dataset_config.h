// One entry of the data-set file as the program uses it.
//
// Units: the four sizes are megapixels where resolution_type is "area" and pixels where it is
// "pixel"; "pixel_area" does not occur any more. Keys a user left out hold the global value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/check.h"

namespace omnigen::config {

struct AspectWeight {
  double aspect = 1.0;
  std::optional<double> weight;  // unset: all alike
};

struct CaptionShuffle {
  bool enable = false;
  int64_t count = 1;
  int64_t seed = 0;                // the run's
  std::string split_on = "comma";  // or space, period
  int64_t position_start = 0;
  bool include_original = true;
};

struct DatasetConfig {
#define OMNIGEN_DATASET_KEY(field, name, type, fallback, check, help) type field = fallback;
#include "config/dataset_schema.def"

  [[nodiscard]] bool holds_images() const {
    return dataset_type == "image" || dataset_type == "eval" || dataset_type == "conditioning";
  }
  // Weights of the loss on another data set's images; has no cache of its own.
  [[nodiscard]] bool is_mask() const {
    return conditioning_type == "mask" || conditioning_type == "segmentation";
  }
  [[nodiscard]] bool has_cache() const {
    return holds_images() && !is_mask();
  }
  // Drawn from while training.
  [[nodiscard]] bool is_trained() const {
    return dataset_type == "image" && probability > 0;
  }
  [[nodiscard]] bool is_eval() const {
    return dataset_type == "eval";
  }
};

struct DatasetKey {
  const char* name;
  const char* help;
  Check check;
};

// Calls visit(const DatasetKey&, field&) for every key in the order of the table.
template <typename DatasetT, typename Visitor>
void visit_dataset_keys(DatasetT& dataset, Visitor&& visit) {
#define OMNIGEN_DATASET_KEY(field, name, type, fallback, check, help) \
  visit(DatasetKey{name, help, check}, dataset.field);
#include "config/dataset_schema.def"
}

}  // namespace omnigen::config
