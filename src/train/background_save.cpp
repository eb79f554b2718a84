#include "train/background_save.h"

#include <c10/util/Exception.h>

#include <chrono>

#include "util/stopwatch.h"

namespace omnigen::train {

void BackgroundSave::start(std::function<std::filesystem::path()> write, CheckpointKind kind) {
  TORCH_CHECK(!writing_.valid(), "a checkpoint is being written");
  writing_ = std::async(std::launch::async, [write = std::move(write), kind] {
    const util::Stopwatch watch;
    Done done{write(), kind};
    done.seconds = watch.elapsed_s();
    return done;
  });
}

std::optional<BackgroundSave::Done> BackgroundSave::take_if_complete() {
  if (!writing_.valid()) return std::nullopt;
  if (writing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return std::nullopt;
  return writing_.get();
}

std::optional<BackgroundSave::Done> BackgroundSave::wait() {
  if (!writing_.valid()) return std::nullopt;
  return writing_.get();
}

}  // namespace omnigen::train
