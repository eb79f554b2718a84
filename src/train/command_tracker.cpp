#include "train/command_tracker.h"

#include <fmt/format.h>

#include "util/log.h"
#include "util/stopwatch.h"

namespace omnigen::train {
namespace {

constexpr size_t kMostWaiting = 8 << 20;  // bytes
constexpr double kFinishLimitSeconds = 30.0;
constexpr double kPauseSeconds = 0.02;

}  // namespace

CommandTracker::CommandTracker(const std::string& command, std::filesystem::path output)
    : output_(std::move(output)), child_({{"sh", "-c", command}, output_, true}) {}

void CommandTracker::write(const nlohmann::json& record) {
  const std::string line =
      record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  if (waiting_.size() + line.size() <= kMostWaiting) waiting_ += line;
  waiting_.erase(0, child_.offer(waiting_));
  if (warned_ || (!child_.poll() && waiting_.size() + line.size() <= kMostWaiting)) return;
  warned_ = true;
  util::log::warn(fmt::format("custom_tracker {}; its output is in {}",
                              child_.poll() ? fmt::format("has ended with code {}", *child_.poll())
                                            : std::string("does not keep up, records are left out"),
                              output_.string()));
}

void CommandTracker::scalars(int64_t step, const std::map<std::string, double>& values) {
  write({{"step", step}, {"values", values}});
}

void CommandTracker::image(const TrackedImage& image) {
  write({{"step", image.step},
         {"image",
          {{"tag", image.tag},
           {"caption", image.caption},
           {"width", image.width},
           {"height", image.height}}}});
}

void CommandTracker::finish() {
  const util::Stopwatch watch;
  while (!waiting_.empty() && !child_.poll() && watch.elapsed_s() < kFinishLimitSeconds) {
    waiting_.erase(0, child_.offer(waiting_));
    child_.wait(kPauseSeconds);
  }
  child_.end_input();
  const auto code = child_.wait(kFinishLimitSeconds);
  if (code != 0 && !warned_) {
    util::log::warn(fmt::format("custom_tracker ended with {}; its output is in {}",
                                code ? fmt::format("code {}", *code) : std::string("a delay"),
                                output_.string()));
  }
}

}  // namespace omnigen::train
