// Series of a run: `<output_dir>/<logging_dir>/metrics.jsonl` always, `samples.jsonl` where asked
// for, and the trackers that report_to names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/tracker.h"

namespace omnigen::train {

struct MetricsOptions {
  std::filesystem::path dir;  // <output_dir>/<logging_dir>
  bool active = true;         // false on ranks other than 0: every call does nothing
  bool samples = false;       // print_filenames
};

class Metrics {
 public:
  // Appends to what is there. Errors: Error when the folder cannot be written.
  explicit Metrics(const MetricsOptions& options, Trackers trackers = {});

  // One row and one point per name. A step may have several rows: they add up, and of a name the
  // last one counts.
  // `more`, an object: of the row alone.
  void log(int64_t step, const std::map<std::string, double>& values,
           const nlohmann::ordered_json& more = nlohmann::ordered_json::object());
  // A row of metrics.jsonl alone; `values` is an object.
  void row(int64_t step, const nlohmann::ordered_json& values);
  // The samples of a step's global batch, in order: "data set id/relative path".
  void samples(int64_t step, const std::vector<std::string>& names);
  // Trackers only.
  void image(const TrackedImage& image);
  void flush();
  void finish();

 private:
  std::ofstream rows_;
  std::ofstream samples_;
  Trackers trackers_;
};

}  // namespace omnigen::train
