// Series of a run: `<output_dir>/<logging_dir>/metrics.jsonl` always, `samples.jsonl` and
// TensorBoard event files where asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/event_writer.h"

namespace omnigen::train {

struct MetricsOptions {
  std::filesystem::path dir;  // <output_dir>/<logging_dir>
  std::string project;        // sub-folder of the event files
  bool tensorboard = false;
  bool active = true;    // false on ranks other than 0: every call does nothing
  bool samples = false;  // print_filenames
};

class Metrics {
 public:
  // Appends to what is there. Errors: Error when the folder cannot be written.
  explicit Metrics(const MetricsOptions& options);

  // One row and one point per name.
  void log(int64_t step, const std::map<std::string, double>& values);
  // The samples of a step's global batch, in order: "data set id/relative path".
  void samples(int64_t step, const std::vector<std::string>& names);
  // PNG bytes, TensorBoard only.
  void image(const std::string& tag, int64_t step, const std::string& png, int width, int height);
  void text(const std::string& tag, int64_t step, const std::string& text);
  void flush();

 private:
  std::ofstream rows_;
  std::ofstream samples_;
  std::unique_ptr<io::EventWriter> events_;
};

}  // namespace omnigen::train
