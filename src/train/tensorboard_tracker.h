// Event files for TensorBoard in `<output_dir>/<logging_dir>/<project>/`.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "io/event_writer.h"
#include "train/tracker.h"

namespace omnigen::train {

class TensorBoardTracker : public Tracker {
 public:
  // Begins a file, with the settings for the HPARAMS page. Errors: Error.
  TensorBoardTracker(const std::filesystem::path& folder,
                     const std::map<std::string, io::HyperParameter>& settings);

  void scalars(int64_t step, const std::map<std::string, double>& values) override;
  void image(const TrackedImage& image) override;
  void flush() override { events_.flush(); }

 private:
  io::EventWriter events_;
};

}  // namespace omnigen::train
