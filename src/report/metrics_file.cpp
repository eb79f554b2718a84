#include "report/metrics_file.h"

#include <fmt/format.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "util/error.h"

namespace omnigen::report {
namespace {

using Json = nlohmann::json;

double number_of(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

void flatten(const Json& json, std::vector<double>* numbers) {
  if (!json.is_array()) return numbers->push_back(number_of(json));
  for (const Json& item : json) flatten(item, numbers);
}

template <class Value>
void forget_beyond(int64_t step, std::map<std::string, SeriesOf<Value>>* all) {
  for (auto& [name, series] : *all) {
    while (!series.steps.empty() && series.steps.back() > step) {
      series.steps.pop_back();
      series.values.pop_back();
    }
  }
}

template <class Value>
void put(int64_t step, Value value, SeriesOf<Value>* series) {
  if (!series->steps.empty() && series->steps.back() == step) {
    series->values.back() = std::move(value);
    return;
  }
  series->steps.push_back(step);
  series->values.push_back(std::move(value));
}

void add_row(const Json& row, int64_t* last_step, MetricsFile* metrics) {
  const auto step = row.at("step").get<int64_t>();
  if (step > 0 && step < *last_step) {
    forget_beyond(step, &metrics->series);
    forget_beyond(step, &metrics->lists);
  }
  if (step > 0) *last_step = step;
  for (const auto& [name, value] : row.items()) {
    if (name == "step") continue;
    if (step > 0 && !value.is_array()) {
      put(step, number_of(value), &metrics->series[name]);
      continue;
    }
    std::vector<double> numbers;
    flatten(value, &numbers);
    if (step > 0) {
      put(step, std::move(numbers), &metrics->lists[name]);
    } else {
      metrics->untouched[name] = std::move(numbers);
    }
  }
}

}  // namespace

const Series& MetricsFile::at(const std::string& name) const {
  static const Series kNone;
  const auto found = series.find(name);
  return found == series.end() ? kNone : found->second;
}

const ListSeries& MetricsFile::list(const std::string& name) const {
  static const ListSeries kNone;
  const auto found = lists.find(name);
  return found == lists.end() ? kNone : found->second;
}

std::vector<TimeBin> time_bins(const std::vector<double>& row) {
  std::vector<TimeBin> bins;
  for (size_t k = 0; k + 2 < row.size(); k += 3) bins.push_back({row[k], row[k + 1], row[k + 2]});
  return bins;
}

MetricsFile read_metrics(const std::filesystem::path& path) {
  MetricsFile metrics;
  if (!std::filesystem::exists(path)) return metrics;
  std::ifstream file(path);
  if (!file) throw util::DataError(fmt::format("{}: cannot be read", path.string()));
  int64_t last_step = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    try {
      add_row(Json::parse(line), &last_step, &metrics);
    } catch (const nlohmann::json::exception&) {
      ++metrics.num_bad_lines;
    }
  }
  return metrics;
}

}  // namespace omnigen::report
