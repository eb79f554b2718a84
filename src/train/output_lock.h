// One run at a time in an output folder.
#pragma once

#include <filesystem>

namespace omnigen::train {

// Holds `<output_dir>/.lock` (flock, so that it ends with the process) with host and pid in it.
class OutputLock {
 public:
  // Creates the folder if missing. Errors: ConfigError naming the holder.
  explicit OutputLock(const std::filesystem::path& output_dir);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  int fd_;
};

}  // namespace omnigen::train
