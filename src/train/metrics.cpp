#include "train/metrics.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

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

Metrics::Metrics(const MetricsOptions& options) {
  if (!options.active) return;
  std::filesystem::create_directories(options.dir);
  open_rows(options.dir / "metrics.jsonl", rows_);
  if (options.samples) open_rows(options.dir / "samples.jsonl", samples_);
  if (options.tensorboard) {
    events_ = std::make_unique<io::EventWriter>(options.dir / options.project);
  }
}

void Metrics::log(int64_t step, const std::map<std::string, double>& values) {
  if (!rows_.is_open()) return;
  nlohmann::ordered_json row;
  row["step"] = step;
  row["wall_time"] = unix_time_s();
  for (const auto& [name, value] : values) {
    // JSON has no NaN; null keeps the row readable.
    row[name] = std::isfinite(value) ? nlohmann::ordered_json(value) : nullptr;
  }
  write_row(row, "metrics.jsonl", rows_);
  if (events_) events_->scalars(step, values);
}

void Metrics::samples(int64_t step, const std::vector<std::string>& names) {
  if (!samples_.is_open()) return;
  write_row({{"step", step}, {"samples", names}}, "samples.jsonl", samples_);
}

void Metrics::image(const std::string& tag, int64_t step, const std::string& png, int width,
                    int height) {
  if (events_) events_->image(tag, step, png, width, height);
}

void Metrics::text(const std::string& tag, int64_t step, const std::string& text) {
  if (events_) events_->text(tag, step, text);
}

void Metrics::flush() {
  if (events_) events_->flush();
}

}  // namespace omnigen::train
