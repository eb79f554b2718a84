#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/loss_rules.h"
#include "report/statistics.h"

namespace omnigen::report {
namespace {

using Json = nlohmann::ordered_json;
using Steps = std::vector<int64_t>;
using Values = std::vector<double>;

constexpr size_t kMaxPoints = 600;
constexpr size_t kMaxBars = 48;
constexpr size_t kTimeBins = 20;   // of train_loss_by_t
constexpr double kLogFrom = 30.0;  // largest over smallest value: the axis becomes logarithmic

enum Colour { kBlue, kOrange, kGreen, kGrey, kPurple };

// Six digits are enough for a picture.
double rounded(double value) {
  return std::stod(fmt::format("{:.6g}", value));
}

Json point(double x, double y) {
  return Json::array({x, rounded(y)});
}

Json line(const std::string& name, const char* style, Colour colour, Json data) {
  return {{"name", name},
          {"style", style},
          {"colour", static_cast<int>(colour)},
          {"data", std::move(data)}};
}

struct Curve {
  Steps steps;
  Values values;
};

Curve finite(const Series& series) {
  Curve curve;
  for (size_t i = 0; i < series.steps.size(); ++i) {
    if (!std::isfinite(series.values[i])) continue;
    curve.steps.push_back(series.steps[i]);
    curve.values.push_back(series.values[i]);
  }
  return curve;
}

// The lowest and the highest of every run of neighbours.
Json extremes(const Curve& curve) {
  Json points = Json::array();
  const size_t size = curve.values.size();
  const size_t runs = std::min(size, kMaxPoints / 2);
  for (size_t run = 0; run < runs; ++run) {
    const size_t begin = run * size / runs;
    const size_t end = (run + 1) * size / runs;
    const auto at = [&](size_t i) { return curve.values.begin() + static_cast<std::ptrdiff_t>(i); };
    const auto [low, high] = std::minmax_element(at(begin), at(end));
    const auto [first, second] = std::minmax(low, high);
    for (const auto& chosen : {first, second}) {
      const auto i = static_cast<size_t>(chosen - curve.values.begin());
      points.push_back(point(static_cast<double>(curve.steps[i]), curve.values[i]));
      if (first == second) break;
    }
  }
  return points;
}

Json every_nth(const Curve& curve) {
  Json points = Json::array();
  const size_t size = curve.values.size();
  const size_t count = std::min(size, kMaxPoints / 2);
  for (size_t k = 0; k < count; ++k) {
    const size_t i = count == 1 ? 0 : k * (size - 1) / (count - 1);
    points.push_back(point(static_cast<double>(curve.steps[i]), curve.values[i]));
  }
  return points;
}

Curve smoothed(const Curve& curve) {
  return {curve.steps, smooth(curve.values, std::max<size_t>(3, curve.values.size() / 25))};
}

Json level(double value, const Steps& steps) {
  return Json::array({point(static_cast<double>(steps.front()), value),
                      point(static_cast<double>(steps.back()), value)});
}

bool wants_log(const Values& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return !values.empty() && *low > 0 && *high > kLogFrom * *low;
}

Json chart(const std::string& id, const std::string& section, const std::string& title,
           const std::string& note) {
  return {{"id", id},     {"section", section}, {"title", title},
          {"note", note}, {"x", "step"},        {"y", "loss"},
          {"log", false}, {"stacked", false},   {"lines", Json::array()}};
}

void add(Json chart, Json* all) {
  if (!chart["lines"].empty()) all->push_back(std::move(chart));
}

Json loss_chart(const RunRecords& records) {
  Json result = chart("loss", "losses", "Training loss",
                      "Each step sees other noise levels, so single values scatter (faint); the "
                      "line is their moving average.");
  const Curve curve = finite(records.metrics.at("train_loss"));
  if (curve.steps.empty()) return result;
  result["log"] = wants_log(curve.values);
  result["lines"].push_back(line("each step", "faint", kBlue, extremes(curve)));
  result["lines"].push_back(line("average", "line", kBlue, every_nth(smoothed(curve))));
  const Curve prior = finite(records.metrics.at("regularisation_loss"));
  if (!prior.steps.empty()) {
    result["lines"].push_back(
        line("regularisation, average", "line", kGreen, every_nth(smoothed(prior))));
  }
  if (const auto zero = records.expected_loss("zero_predictor")) {
    result["lines"].push_back(line("knows nothing", "dashed", kGrey, level(*zero, curve.steps)));
  }
  if (const auto spectrum = records.expected_loss("spectrum_only")) {
    result["lines"].push_back(
        line("knows the spectrum only", "dashed", kPurple, level(*spectrum, curve.steps)));
  }
  return result;
}

Json eval_chart(const EvalSeries& series) {
  Json result =
      chart("eval-" + series.id, "losses", "Held-out loss: " + series.id,
            "Same images, noise and noise levels every time. The band is the 95 % interval "
            "of the difference from the untouched model: where it leaves the dashed line, "
            "the difference is more than chance.");
  Json live = Json::array();
  Json band = Json::array();
  Json average = Json::array();
  Steps steps;
  for (const auto& at : series.points) {
    const auto x = static_cast<double>(at.step);
    steps.push_back(at.step);
    live.push_back(point(x, at.loss));
    if (at.interval) {
      band.push_back({x, rounded(at.loss - *at.interval), rounded(at.loss + *at.interval)});
    }
    if (at.average) average.push_back(point(x, *at.average));
  }
  if (series.untouched && steps.front() > 0) {
    steps.insert(steps.begin(), 0);
    live.insert(live.begin(), point(0, *series.untouched));
  }
  if (!band.empty()) result["lines"].push_back(line("95 % interval", "band", kBlue, band));
  result["lines"].push_back(line("live weights", "line", kBlue, live));
  if (!average.empty()) result["lines"].push_back(line("EMA", "line", kOrange, average));
  if (series.untouched) {
    result["lines"].push_back(
        line("untouched model", "dashed", kGrey, level(*series.untouched, steps)));
  }
  return result;
}

double middle(size_t k, size_t count) {
  return rounded((static_cast<double>(k) + 0.5) / static_cast<double>(count));
}

Json by_time(const Values& losses) {
  Json points = Json::array();
  for (size_t k = 0; k < losses.size(); ++k) {
    points.push_back(point(middle(k, losses.size()), losses[k]));
  }
  return points;
}

// Of the last quarter of the steps.
Json training_by_time(const MetricsFile& metrics) {
  const ListSeries& rows = metrics.list("train_loss_by_t");
  Values sums(kTimeBins, 0.0);
  Values counts(kTimeBins, 0.0);
  for (size_t i = rows.steps.size() - rows.steps.size() / 4; i < rows.steps.size(); ++i) {
    for (const TimeBin& found : time_bins(rows.values[i])) {
      const auto bin = static_cast<size_t>(std::clamp(found.index, 0.0, kTimeBins - 1.0));
      counts[bin] += found.samples;
      sums[bin] += found.samples * found.mean;
    }
  }
  Json points = Json::array();
  for (size_t bin = 0; bin < kTimeBins; ++bin) {
    if (counts[bin] > 0) points.push_back(point(middle(bin, kTimeBins), sums[bin] / counts[bin]));
  }
  return points;
}

Json by_time_chart(const RunRecords& records, const std::string& id, const ListSeries& rows) {
  Json result = chart("by-t-" + id, "losses", "Loss by noise level: " + id,
                      "t = 0 is pure noise, t = 1 the finished image. Middle levels decide what is "
                      "in the picture.");
  result["x"] = "t";
  for (const EvalSeries& series : records.evaluations) {
    if (series.id != id && series.id != "pooled") continue;
    if (series.id == id && !series.untouched_by_time.empty()) {
      result["lines"].push_back(
          line("untouched model", "line", kGrey, by_time(series.untouched_by_time)));
    }
    const int64_t best = series.best().step;
    const Values* losses = rows.at_step(best);
    if (best != rows.steps.back() && losses != nullptr) {
      result["lines"].push_back(
          line(fmt::format("best, step {}", best), "line", kGreen, by_time(*losses)));
    }
    if (series.zero) {
      result["lines"].push_back(
          line("knows nothing", "dashed", kPurple,
               Json::array({point(0, *series.zero), point(1, *series.zero)})));
    }
  }
  result["lines"].push_back(
      line(fmt::format("step {}", rows.steps.back()), "line", kBlue, by_time(rows.values.back())));
  Json training = training_by_time(records.metrics);
  if (!training.empty()) {
    result["lines"].push_back(
        line("training images, last quarter", "points", kOrange, std::move(training)));
  }
  return result;
}

// A run that evaluates nothing still has this of its training.
Json training_only_by_time(const RunRecords& records) {
  Json result =
      chart("by-t", "losses", "Loss by noise level: training images",
            "t = 0 is pure noise, t = 1 the finished image; the last quarter of the steps.");
  result["x"] = "t";
  Json training = training_by_time(records.metrics);
  if (training.empty()) return result;
  result["lines"].push_back(line("training images", "points", kOrange, std::move(training)));
  if (const auto zero = records.expected_loss("zero_predictor")) {
    result["lines"].push_back(
        line("knows nothing", "dashed", kPurple, Json::array({point(0, *zero), point(1, *zero)})));
  }
  return result;
}

Json scalar_chart(const RunRecords& records, const std::string& name, const std::string& title,
                  const std::string& unit) {
  Json result = chart(name, "course", title, "");
  result["y"] = unit;
  const Curve curve = finite(records.metrics.at(name));
  if (curve.steps.empty()) return result;
  result["lines"].push_back(line(title, "line", kBlue, every_nth(curve)));
  return result;
}

Json gradient_chart(const RunRecords& records, const std::string& name) {
  const bool by_value = name == "grad_absmax";
  Json result =
      chart(name, "course", "Gradient size",
            by_value ? "The largest element, before clipping." : "The norm, before clipping.");
  result["y"] = by_value ? "largest element" : "norm";
  const Curve curve = finite(records.metrics.at(name));
  if (curve.steps.empty()) return result;
  result["log"] = wants_log(curve.values);
  result["lines"].push_back(line("each step", "faint", kBlue, extremes(curve)));
  result["lines"].push_back(line("average", "line", kBlue, every_nth(smoothed(curve))));
  const auto limit = number_in(records.config, "max_grad_norm");
  if (limit && *limit > 0) {
    result["lines"].push_back(line("clipped above", "dashed", kGrey, level(*limit, curve.steps)));
    result["note"] = result["note"].get<std::string>() +
                     fmt::format(" Clipped at {:.0f} % of the steps.",
                                 100.0 * training_loss(records).clipped_share);
  }
  return result;
}

Json time_chart(const RunRecords& records) {
  Json result = chart("time", "course", "Time of a step",
                      "Mean over neighbouring steps; without evaluations, images and checkpoints.");
  result["y"] = "seconds";
  result["stacked"] = true;
  const Series& whole = records.metrics.at("perf/step_seconds");
  if (whole.empty()) return result;
  const auto blocks = [](const Values& values) { return block_means(values, kMaxBars); };
  Values rest = blocks(whole.values);
  const size_t count = rest.size();
  const size_t size = whole.steps.size();
  result["labels"] = Json::array();
  for (size_t k = 0; k < count; ++k) {
    const int64_t first = whole.steps[k * size / count];
    const int64_t last = whole.steps[(k + 1) * size / count - 1];
    result["labels"].push_back(first == last ? fmt::format("{}", first)
                                             : fmt::format("{}–{}", first, last));
  }
  const auto add_bars = [&](const char* name, Colour colour, const Values& values) {
    Json data = Json::array();
    for (const double value : values) data.push_back(rounded(value));
    result["lines"].push_back(line(name, "bar", colour, std::move(data)));
  };
  const std::vector<std::tuple<const char*, const char*, Colour>> parts = {
      {"compute", "perf/compute_seconds", kBlue},
      {"reduce", "perf/reduce_seconds", kOrange},
      {"update", "perf/update_seconds", kGreen},
      {"data wait", "perf/data_wait_seconds", kPurple}};
  for (const auto& [name, series, colour] : parts) {
    const Values values = blocks(records.metrics.at(series).values);
    if (values.size() != count) continue;
    add_bars(name, colour, values);
    for (size_t k = 0; k < count; ++k) rest[k] = std::max(0.0, rest[k] - values[k]);
  }
  add_bars("other", kGrey, rest);
  return result;
}

}  // namespace

Json charts(const RunRecords& records) {
  Json all = Json::array();
  add(loss_chart(records), &all);
  for (const EvalSeries& series : records.evaluations) add(eval_chart(series), &all);
  const std::string prefix = "loss/val_by_t/";
  bool has_by_time = false;
  for (const auto& [name, rows] : records.metrics.lists) {
    if (!name.starts_with(prefix) || rows.empty()) continue;
    add(by_time_chart(records, name.substr(prefix.size()), rows), &all);
    has_by_time = true;
  }
  if (!has_by_time) add(training_only_by_time(records), &all);
  add(scalar_chart(records, "learning_rate", "Learning rate", "rate"), &all);
  add(gradient_chart(records, "grad_norm"), &all);
  add(gradient_chart(records, "grad_absmax"), &all);
  add(time_chart(records), &all);
  add(scalar_chart(records, "clip/mean", "CLIP score of the validation images", "of 100"), &all);
  return all;
}

}  // namespace omnigen::report
