// A run's `metrics.jsonl`, read back: every series by name.
//
// Several rows of a step add up, of a name the last one counts. A row of an earlier step than the
// one before it is a run that went on from there: what lay beyond is forgotten. Rows of step 0
// speak of the untouched model.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace omnigen::report {

// Steps ascend.
template <class Value>
struct SeriesOf {
  std::vector<int64_t> steps;
  std::vector<Value> values;

  [[nodiscard]] bool empty() const { return steps.empty(); }
  // Null where the step has none.
  [[nodiscard]] const Value* at_step(int64_t step) const {
    const auto found = std::lower_bound(steps.begin(), steps.end(), step);
    if (found == steps.end() || *found != step) return nullptr;
    return &values[static_cast<size_t>(found - steps.begin())];
  }
};
using Series = SeriesOf<double>;  // infinity: recorded as not finite
// Lists of numbers; of lists, their numbers one after another.
using ListSeries = SeriesOf<std::vector<double>>;

// A row of `train_loss_by_t`: the losses of a step's samples by noise level.
struct TimeBin {
  double index = 0.0;
  double samples = 0.0;
  double mean = 0.0;
};
std::vector<TimeBin> time_bins(const std::vector<double>& row);

struct MetricsFile {
  std::map<std::string, Series> series;
  std::map<std::string, ListSeries> lists;
  std::map<std::string, std::vector<double>> untouched;  // of step 0; a number is a list of one
  int64_t num_bad_lines = 0;                             // torn or otherwise not readable

  // Empty where there is none.
  [[nodiscard]] const Series& at(const std::string& name) const;
  [[nodiscard]] const ListSeries& list(const std::string& name) const;
};

// A file that is not there reads as empty. Errors: DataError if it cannot be read.
MetricsFile read_metrics(const std::filesystem::path& path);

}  // namespace omnigen::report
