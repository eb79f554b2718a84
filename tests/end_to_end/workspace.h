// A folder with a tiny model, a few pictures with captions and a configuration, and the programs
// run in it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace omnigen::test {

// Relative: runs that differ only in the order of summation.
constexpr double kEqualLosses = 1e-5;

struct Outcome {
  int exit_code = -1;
  std::string output;  // stdout and stderr
  double seconds = 0.0;
};

class Workspace {
 public:
  // Pictures of several sizes; the model is tests/golden/tiny-omnigen.
  Workspace();

  [[nodiscard]] std::filesystem::path path(const std::string& name = "") const {
    return dir_.path() / name;
  }
  // Keys of config.json, changed before a run.
  nlohmann::json config;
  nlohmann::json datasets;

  // The same pictures as a data set to evaluate with.
  void add_evaluation_set(const std::string& id);
  // `omnigen-cache build` on `ranks` ranks.
  Outcome build_cache(int ranks = 1);
  // `omnigen-dist` with `output_dir` = output/<name>.
  Outcome train(const std::string& name, int ranks, const std::vector<std::string>& arguments = {});
  // Starts it and returns at once; the process group is the caller's to kill and wait for.
  pid_t start_training(const std::string& name, int ranks,
                       const std::vector<std::string>& arguments);
  Outcome run(const std::string& command);

  [[nodiscard]] std::filesystem::path output(const std::string& name) const {
    return path("output/" + name);
  }
  // `metrics.jsonl` by step; several rows of a step add up, of a name the last one counts.
  [[nodiscard]] std::map<int64_t, nlohmann::json> metrics(const std::string& name) const;

 private:
  void write_config() const;
  [[nodiscard]] std::string train_command(const std::string& name, int ranks,
                                          const std::vector<std::string>& arguments) const;

  TempDir dir_;
};

// Waits until `path` exists. False after `limit_s`.
bool wait_for(const std::filesystem::path& path, double limit_s = 60.0);
// Ends a process group with SIGKILL and waits until no process of it is left.
void kill_group(pid_t group);
// Process ids whose command line contains `text`.
std::vector<pid_t> processes_with(const std::string& text);
void expect_equal_files(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace omnigen::test
