// Evaluation losses of the untouched model, kept in `<output_dir>/evaluation/untouched_<id>.json`,
// so that a run that goes on does not need that model again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "validate/evaluator.h"

namespace omnigen::validate {

// Everything that the losses depend on, as one hash: weights, data set, images, times.
std::string baseline_key(const std::string& base_weights_id, const std::string& fingerprint,
                         const EvalOptions& options);

class BaselineLosses {
 public:
  explicit BaselineLosses(const std::filesystem::path& output_dir);

  // Losses by [record][time]; nothing where there are none of this key. A damaged file counts as
  // missing.
  [[nodiscard]] std::optional<std::vector<std::vector<double>>> load(const std::string& dataset_id,
                                                                     const std::string& key) const;
  // Errors: Error if it cannot be written.
  void save(const std::string& dataset_id, const std::string& key, const EvalResult& result) const;

 private:
  [[nodiscard]] std::filesystem::path file_of(const std::string& dataset_id) const;

  std::filesystem::path folder_;
};

}  // namespace omnigen::validate
