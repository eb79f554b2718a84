// What every benchmark shares: options, checks before timing, statistics, figures beside their
// ceilings.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace omnigen::bench {

// `--name value` pairs and `--flag`s of a command line. Errors: std::invalid_argument.
class Arguments {
 public:
  Arguments(int argc, char** argv);

  // `choices` empty: any value.
  std::string text(const std::string& name, const std::string& fallback,
                   const std::vector<std::string>& choices = {});
  int64_t integer(const std::string& name, int64_t fallback);
  bool flag(const std::string& name);
  // Every option given must have been asked for by now.
  void require_known() const;

 private:
  std::map<std::string, std::string> given_;
  std::set<std::string> known_;
};

// "fp32" or "bf16". "cpu" or "cuda".
at::ScalarType dtype_of(const std::string& name);
at::Device device_of(const std::string& name);

// Throws with the largest error, relative to the largest value expected, when above `tolerance`:
// nothing wrong is ever timed.
void check_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance,
                 const std::string& what);

// Of the seconds of one call.
struct Timing {
  double median = 0.0;
  double p10 = 0.0;
  double p90 = 0.0;
  double min = 0.0;
  double max = 0.0;
  int64_t count = 0;
};
Timing summarize(std::vector<double> seconds);

// Calls until `budget_s` is spent, at least 5 and at most 500 times, after two calls to warm up.
// A GPU is synchronised around each call.
Timing time_calls(const std::function<void()>& call, double budget_s = 1.0);

// Waits for the GPU; nothing without one.
void synchronize();

// What the machine reaches with the current number of threads: the ceilings that figures are
// divided by.
double peak_gflops(at::ScalarType dtype, at::Device device);  // a large matrix product
double peak_copy_gb_per_s(at::Device device);                 // bytes read plus written

// A benchmark's figures: lines for a person, or one JSON object with `--json`.
class Report {
 public:
  // Prints the environment, with a warning unless it is a Release build.
  Report(const std::string& what, Arguments& arguments);

  [[nodiscard]] bool json() const { return as_json_; }
  nlohmann::json& object() { return object_; }
  // One timed case; `figures` are e.g. {"GFLOP/s", 93.1}, {"% of peak", 88}.
  void add(const std::string& name, const Timing& timing,
           const std::vector<std::pair<std::string, double>>& figures);
  // Prints the JSON object, if asked for.
  void finish() const;

 private:
  bool as_json_;
  nlohmann::json object_;
};

// A new folder below `parent`, removed with the object.
class TempFolder {
 public:
  explicit TempFolder(const std::filesystem::path& parent = std::filesystem::temp_directory_path());
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Runs `body`, printing an exception's message; returns the exit code.
int run(const std::function<void()>& body);

}  // namespace omnigen::bench
