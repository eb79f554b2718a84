// Everything that a run has written about itself, read for its page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/metrics_file.h"

namespace omnigen::report {

// Evaluations of one data set ("pooled": of all of them), in the order of steps. Where the run did
// not record something its members are empty.
struct EvalSeries {
  struct Point {
    int64_t step = 0;
    double loss = 0.0;
    std::vector<double> items;          // what intervals are formed of, in a fixed order
    std::optional<double> improvement;  // over the untouched model, with its 95 % interval
    std::optional<double> interval;
    std::optional<double> average;  // loss of the averaged weights
    std::vector<double> average_items;
  };
  std::string id;
  std::vector<Point> points;  // finite losses only
  std::optional<double> untouched;
  std::vector<double> untouched_items;
  std::vector<double> untouched_by_time;
  std::optional<double> zero;  // loss of a model that predicts nothing

  // Of the lowest loss; at least one point.
  [[nodiscard]] const Point& best() const;
};

struct RunRecords {
  std::filesystem::path folder;
  nlohmann::json state = nlohmann::json::object();    // run_state.json
  nlohmann::ordered_json config;                      // simpletuner_config.json
  nlohmann::json run = nlohmann::json::object();      // of logs/run_facts.json
  nlohmann::json machine = nlohmann::json::object();  // of logs/run_facts.json
  nlohmann::json best = nlohmann::json::object();     // checkpoint-best.json
  MetricsFile metrics;
  std::vector<EvalSeries> evaluations;
  std::vector<std::string> unreadable;  // files that are there and could not be read

  // "zero_predictor" or "spectrum_only", on the training images.
  [[nodiscard]] std::optional<double> expected_loss(const std::string& of) const;
  [[nodiscard]] bool complete() const { return state.value("state", "") == "complete"; }
};

// Errors: DataError naming what a run's folder holds where this is none, with the runs below it.
RunRecords read_run(const std::filesystem::path& folder);

// A configuration's key as a number; nothing where it is not there or none.
std::optional<double> number_in(const nlohmann::ordered_json& json, const std::string& key);

}  // namespace omnigen::report
