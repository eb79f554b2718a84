#include "train/metrics.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "util/error.h"

namespace omnigen::train {
namespace {

double unix_time_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void open_rows(const std::filesystem::path& path, std::ofstream& rows) {
  rows.open(path, std::ios::app);
  if (!rows) throw util::Error(fmt::format("{}: cannot be opened for writing", path.string()));
}

void write_row(const nlohmann::ordered_json& row, const char* file, std::ofstream& rows) {
  rows << row.dump() << '\n';
  rows.flush();
  if (!rows) throw util::Error(fmt::format("{} cannot be written: is the disk full?", file));
}

}  // namespace

Metrics::Metrics(const MetricsOptions& options, Trackers trackers)
    : trackers_(std::move(trackers)) {
  if (!options.active) return;
  std::filesystem::create_directories(options.dir);
  open_rows(options.dir / "metrics.jsonl", rows_);
  if (options.samples) open_rows(options.dir / "samples.jsonl", samples_);
}

void Metrics::log(int64_t step, const std::map<std::string, double>& values,
                  const nlohmann::ordered_json& more) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : values) {
    // JSON has no NaN; null keeps the row readable.
    json[name] = std::isfinite(value) ? nlohmann::ordered_json(value) : nullptr;
  }
  json.update(more);
  row(step, json);
  for (const auto& tracker : trackers_) tracker->scalars(step, values);
}

void Metrics::row(int64_t step, const nlohmann::ordered_json& values) {
  if (!rows_.is_open()) return;
  nlohmann::ordered_json whole;
  whole["step"] = step;
  whole["wall_time"] = unix_time_s();
  whole.update(values);
  write_row(whole, "metrics.jsonl", rows_);
}

void Metrics::samples(int64_t step, const std::vector<std::string>& names) {
  if (!samples_.is_open()) return;
  write_row({{"step", step}, {"samples", names}}, "samples.jsonl", samples_);
}

void Metrics::image(const TrackedImage& image) {
  for (const auto& tracker : trackers_) tracker->image(image);
}

void Metrics::flush() {
  for (const auto& tracker : trackers_) tracker->flush();
}

void Metrics::finish() {
  for (const auto& tracker : trackers_) tracker->finish();
}

}  // namespace omnigen::train
