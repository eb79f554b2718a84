#include "report/run_records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "io/atomic_file.h"
#include "util/error.h"

namespace omnigen::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kLive = "loss/val/";
constexpr const char* kState = "run_state.json";
constexpr const char* kConfig = "simpletuner_config.json";

bool is_run(const fs::path& folder) {
  return fs::is_regular_file(folder / kState) || fs::is_regular_file(folder / kConfig);
}

[[noreturn]] void refuse(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw util::DataError(
        fmt::format("report: there is no folder {} (from {}); give the output_dir of a run",
                    folder.string(), fs::current_path().string()));
  }
  std::vector<std::string> runs;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory() && is_run(entry.path())) runs.push_back(entry.path().string());
  }
  std::sort(runs.begin(), runs.end());
  throw util::DataError(fmt::format(
      "report: {} is not the folder of a run: expected {} or {} in it, found neither; give the "
      "output_dir of a run{}",
      folder.string(), kState, kConfig,
      runs.empty() ? std::string() : fmt::format(", such as {}", fmt::join(runs, ", "))));
}

// An empty object where the file is missing or damaged; the latter is noted.
template <class AnyJson>
AnyJson read_json(const fs::path& file, std::vector<std::string>* unreadable) {
  if (!fs::exists(file)) return AnyJson::object();
  try {
    auto json = AnyJson::parse(io::read_file(file));
    if (json.is_object()) return json;
  } catch (const nlohmann::json::exception&) {
  } catch (const util::Error&) {
  }
  unreadable->push_back(file.filename().string());
  return AnyJson::object();
}

std::optional<double> value_at(const Series& series, int64_t step) {
  const double* value = series.at_step(step);
  return value != nullptr && std::isfinite(*value) ? std::optional(*value) : std::nullopt;
}

std::vector<double> list_at(const ListSeries& series, int64_t step) {
  const std::vector<double>* list = series.at_step(step);
  return list == nullptr ? std::vector<double>() : *list;
}

std::vector<double> of_untouched(const MetricsFile& metrics, const std::string& name) {
  const auto found = metrics.untouched.find(name);
  return found == metrics.untouched.end() ? std::vector<double>() : found->second;
}

// Over the data sets, element by element.
std::vector<double> mean_of_all(const MetricsFile& metrics, const std::string& prefix) {
  std::vector<double> sums;
  double count = 0.0;
  for (const auto& [name, list] : metrics.untouched) {
    if (!name.starts_with(prefix) || (count > 0 && list.size() != sums.size())) continue;
    sums.resize(list.size(), 0.0);
    for (size_t k = 0; k < list.size(); ++k) sums[k] += list[k];
    ++count;
  }
  for (double& sum : sums) sum /= count;
  return sums;
}

// The file of runs that did not log the untouched model's losses yet.
void add_kept_losses(const fs::path& file, EvalSeries* series) {
  std::vector<std::string> ignored;
  const Json json = read_json<Json>(file, &ignored);
  const auto losses = json.value("losses", std::vector<std::vector<double>>());
  if (losses.empty()) return;
  series->untouched_by_time.assign(losses.front().size(), 0.0);
  for (const auto& of_image : losses) {
    for (size_t k = 0; k < std::min(of_image.size(), series->untouched_by_time.size()); ++k) {
      series->untouched_by_time[k] += of_image[k] / static_cast<double>(losses.size());
    }
  }
}

EvalSeries eval_series(const std::string& id, const MetricsFile& metrics) {
  EvalSeries series;
  series.id = id;
  const Series& losses = metrics.at(kLive + id);
  for (size_t i = 0; i < losses.steps.size(); ++i) {
    if (!std::isfinite(losses.values[i])) continue;
    const int64_t step = losses.steps[i];
    series.points.push_back({step, losses.values[i],
                             list_at(metrics.list("loss/val_items/" + id), step),
                             value_at(metrics.at("loss/val_improvement/" + id), step),
                             value_at(metrics.at("loss/val_improvement_95/" + id), step),
                             value_at(metrics.at("loss/val_ema/" + id), step),
                             list_at(metrics.list("loss/val_ema_items/" + id), step)});
    const auto untouched = value_at(metrics.at("loss/val_untouched/" + id), step);
    if (untouched) series.untouched = untouched;
  }
  series.untouched_items = of_untouched(metrics, "loss/val_untouched_items/" + id);
  series.untouched_by_time = of_untouched(metrics, "loss/val_untouched_by_t/" + id);
  if (id == "pooled") series.untouched_by_time = mean_of_all(metrics, "loss/val_untouched_by_t/");
  const auto zero = of_untouched(metrics, "loss/val_zero/" + id);
  if (zero.size() == 1) series.zero = zero.front();
  return series;
}

}  // namespace

const EvalSeries::Point& EvalSeries::best() const {
  return *std::min_element(points.begin(), points.end(),
                           [](const auto& a, const auto& b) { return a.loss < b.loss; });
}

std::optional<double> RunRecords::expected_loss(const std::string& of) const {
  const Json expected = run.value("expected_loss", Json::object());
  return expected.contains(of) ? std::optional(expected.at(of).get<double>()) : std::nullopt;
}

std::optional<double> number_in(const nlohmann::ordered_json& json, const std::string& key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

RunRecords read_run(const fs::path& folder) {
  if (!is_run(folder)) refuse(folder);
  RunRecords records;
  records.folder = folder;
  records.state = read_json<Json>(folder / kState, &records.unreadable);
  records.config = read_json<nlohmann::ordered_json>(folder / kConfig, &records.unreadable);
  records.best = read_json<Json>(folder / "checkpoint-best.json", &records.unreadable);
  const auto logging_dir = records.config.find("logging_dir");
  const bool named = logging_dir != records.config.end() && logging_dir->is_string();
  const fs::path logs = folder / (named ? logging_dir->get<std::string>() : "logs");
  const Json facts = read_json<Json>(logs / "run_facts.json", &records.unreadable);
  records.run = facts.value("run", Json::object());
  records.machine = facts.value("machine", Json::object());
  records.metrics = read_metrics(logs / "metrics.jsonl");
  for (const auto& [name, losses] : records.metrics.series) {
    if (!name.starts_with(kLive)) continue;
    EvalSeries series = eval_series(name.substr(kLive.size()), records.metrics);
    if (series.untouched_by_time.empty()) {
      add_kept_losses(folder / "evaluation" / ("untouched_" + series.id + ".json"), &series);
    }
    if (!series.points.empty()) records.evaluations.push_back(std::move(series));
  }
  return records;
}

}  // namespace omnigen::report
