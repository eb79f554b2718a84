// Weights & Biases: a run's records in `<output_dir>/<logging_dir>/wandb-offline/`, which the
// official client, a Python program, is fed from where it is installed.
//
// `run.json` (project, name, id, settings), `records.jsonl` (a line per step: `values`, `images`),
// `media/`, `feed.py` (hands over what `fed.json` says is still to come), `helper.log`. Training
// writes files only and never waits for the network.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "train/tracker.h"
#include "util/child_process.h"

namespace omnigen::train {

struct WandbOptions {
  std::filesystem::path folder;
  std::string project;
  std::string run_name;
  nlohmann::json settings;     // without secrets; the run's id is their hash
  std::string python;          // the interpreter; empty: none
  std::string upload_command;  // what to run later, for messages
  double finish_limit_s = 60.0;
};

class WandbLog : public Tracker {
 public:
  // Starts the client if it is there; says so if it is not. Errors: Error if the folder cannot be
  // written.
  explicit WandbLog(WandbOptions options);

  void scalars(int64_t step, const std::map<std::string, double>& values) override;
  void image(const TrackedImage& image) override;
  void finish() override;

 private:
  void start_client();
  void look_after_client();
  void write(const nlohmann::json& record);

  WandbOptions options_;
  std::ofstream records_;
  std::unique_ptr<util::ChildProcess> client_;
  int64_t num_images_ = 0;
};

// Hands over what a run has recorded; returns the exit code. Errors: ConfigError without records or
// client.
int upload_to_wandb(const std::filesystem::path& output_dir, const std::string& python);

}  // namespace omnigen::train
