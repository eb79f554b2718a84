// A checkpoint that is written on a thread of its own while the training goes on.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <optional>

#include "train/checkpoint.h"

namespace omnigen::train {

class BackgroundSave {
 public:
  struct Done {
    std::filesystem::path folder;
    CheckpointKind kind = CheckpointKind::kOrdinary;
    double seconds = 0.0;  // of writing
  };

  BackgroundSave() = default;
  ~BackgroundSave() = default;  // waits
  BackgroundSave(const BackgroundSave&) = delete;
  BackgroundSave& operator=(const BackgroundSave&) = delete;

  // `write` returns the folder. The one before must have been taken.
  void start(std::function<std::filesystem::path()> write, CheckpointKind kind);
  // What has become complete, once: nothing while it is being written, or where there is none.
  // Errors (both): what `write` threw.
  std::optional<Done> take_if_complete();
  std::optional<Done> wait();

 private:
  std::future<Done> writing_;
};

}  // namespace omnigen::train
