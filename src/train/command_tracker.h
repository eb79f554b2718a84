// A command that is started once and gets one JSON object a line on its standard input:
// {"step": N, "values": {…}} or {"step": N, "image": {"tag", "caption", "width", "height"}}.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "train/tracker.h"
#include "util/child_process.h"

namespace omnigen::train {

class CommandTracker : public Tracker {
 public:
  // `command` is a shell's; what it prints goes to `output`. Errors: Error.
  CommandTracker(const std::string& command, std::filesystem::path output);

  void scalars(int64_t step, const std::map<std::string, double>& values) override;
  void image(const TrackedImage& image) override;
  void finish() override;

 private:
  // Never waits: what the command does not read in time is kept up to a limit, then dropped.
  void write(const nlohmann::json& record);

  std::filesystem::path output_;
  util::ChildProcess child_;
  std::string waiting_;
  bool warned_ = false;
};

}  // namespace omnigen::train
