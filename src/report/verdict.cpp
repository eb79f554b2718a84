#include "report/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace omnigen::report {
namespace {

constexpr double kPercent = 100.0;
constexpr double kDataWait = 0.10;    // of the time of steps
constexpr double kReduceWait = 0.25;  // likewise
constexpr int64_t kFewestImages =
    5;  // validate::kFewestImages: intervals are over images from here
constexpr size_t kNamedSteps = 5;

// Shares of a part in the time of steps, of the same steps. The first one warms up.
double share_of(const MetricsFile& metrics, const std::string& part) {
  const auto sum = [](const Series& series) {
    return series.values.size() < 2
               ? 0.0
               : std::accumulate(series.values.begin() + 1, series.values.end(), 0.0);
  };
  const double whole = sum(metrics.at("perf/step_seconds"));
  return whole > 0.0 ? sum(metrics.at(part)) / whole : 0.0;
}

void add(std::optional<Finding> finding, std::vector<Finding>* findings) {
  if (finding) findings->push_back(std::move(*finding));
}

// The best checkpoint where it is of about the step that held-out loss was lowest at.
std::string checkpoint_of(const RunRecords& records) {
  return records.best.value("checkpoint", "");
}

void add_losses(const RunRecords& records, std::vector<Finding>* findings) {
  const TrainingLoss training = training_loss(records);
  const auto rate = find_high_rate(training, records.evaluations);
  add(rate, findings);
  for (const EvalSeries& series : records.evaluations) {
    if (!rate) add(find_overfit(training, series, checkpoint_of(records)), findings);
    add(find_learning(training, series), findings);
    add(find_average(series), findings);
  }
  if (records.evaluations.empty() && !rate) add(find_training_only(training), findings);
}

std::string lower_first(std::string text) {
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

const Finding* with_code(const std::vector<Finding>& findings, const std::set<std::string>& codes) {
  const auto found = std::find_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return codes.contains(finding.code);
  });
  return found == findings.end() ? nullptr : &*found;
}

// The first that there is of: failure, what is wrong with learning, what was learnt.
Verdict headline_of(const std::vector<Finding>& findings) {
  const Finding* failed = with_code(findings, {"failed"});
  if (failed != nullptr) return {failed->tone, failed->text, {}};
  const Finding* wrong = with_code(
      findings, {"rate_too_high", "overfit", "not_learning", "not_on_held_out", "hardly_learns"});
  const Finding* learns = with_code(findings, {"learns"});
  if (wrong != nullptr) {
    if (wrong->tone == Tone::kBad || learns == nullptr) return {wrong->tone, wrong->text, {}};
    return {wrong->tone, learns->text + " But: " + lower_first(wrong->text), {}};
  }
  if (learns != nullptr) return {learns->tone, learns->text, {}};
  const Finding* training = with_code(findings, {"training_loss_falls", "training_loss_flat"});
  if (training != nullptr) return {training->tone, training->text, {}};
  return {Tone::kNote, "Too early to tell: there are too few steps and no evaluation yet.", {}};
}

}  // namespace

std::optional<Finding> find_skipped_steps(const MetricsFile& metrics) {
  std::set<int64_t> skipped;
  for (const char* name : {"train_loss", "grad_norm", "grad_absmax"}) {
    const Series& series = metrics.at(name);
    for (size_t i = 0; i < series.steps.size(); ++i) {
      if (!std::isfinite(series.values[i])) skipped.insert(series.steps[i]);
    }
  }
  if (skipped.empty()) return std::nullopt;
  std::vector<int64_t> named(skipped.begin(), skipped.end());
  const bool more = named.size() > kNamedSteps;
  named.resize(std::min(named.size(), kNamedSteps));
  return Finding{
      Tone::kWarning, "skipped_steps",
      fmt::format("{} step{} with a loss or gradient that is not finite {} skipped: {}{}.",
                  skipped.size(), skipped.size() == 1 ? "" : "s",
                  skipped.size() == 1 ? "was" : "were", fmt::join(named, ", "), more ? ", …" : ""),
      "The log names the samples; lower the learning rate if there are more and more."};
}

std::vector<Finding> find_waiting(const MetricsFile& metrics) {
  std::vector<Finding> findings;
  const double data = share_of(metrics, "perf/data_wait_seconds");
  if (data >= kDataWait) {
    findings.push_back({Tone::kWarning, "data_wait",
                        fmt::format("Data wait is {:.0f} % of a step.", kPercent * data),
                        "Build the cache beforehand and on a fast disk, or raise "
                        "dataloader_prefetch_qlen."});
  }
  const double reduce = share_of(metrics, "perf/reduce_seconds");
  if (reduce >= kReduceWait) {
    findings.push_back({Tone::kNote, "reduce_wait",
                        fmt::format("{:.0f} % of a step go to the exchange between ranks: the "
                                    "network, or waiting for the slowest rank.",
                                    kPercent * reduce),
                        "More accumulation makes the exchange rarer."});
  }
  return findings;
}

std::optional<Finding> find_few_images(const RunRecords& records) {
  if (records.evaluations.empty()) return std::nullopt;
  const auto images = number_in(records.config, "num_eval_images");
  int64_t there = kFewestImages;
  for (const auto& set : records.run.value("data_sets", nlohmann::json::array())) {
    if (set.value("kind", "") == "evaluation") there = std::min(there, set.value("images", there));
  }
  const int64_t used = std::min(there, static_cast<int64_t>(images.value_or(kFewestImages)));
  if (used >= kFewestImages) return std::nullopt;
  return Finding{Tone::kNote, "few_images",
                 fmt::format("Evaluations are over {} image{} only: their intervals speak of {} "
                             "alone, not of others like {}.",
                             used, used == 1 ? "" : "s", used == 1 ? "it" : "these",
                             used == 1 ? "it" : "them"),
                 fmt::format("Give at least {} held-out images and num_eval_images={} or more.",
                             kFewestImages, kFewestImages)};
}

std::optional<Finding> find_state(const RunRecords& records) {
  const auto state = records.state.value("state", "");
  if (state == "complete") return std::nullopt;
  const auto step = records.state.value("step", int64_t{0});
  const auto total = records.state.value("total_steps", int64_t{0});
  if (state == "failed") {
    const auto error = records.state.value("error", "");
    return Finding{Tone::kBad, "failed", fmt::format("The run failed at step {}: {}", step, error),
                   "Mend the cause and start it again: it goes on from the last checkpoint."};
  }
  return Finding{Tone::kNote, "unfinished",
                 fmt::format("The run is not finished: {}, step {} of {}. This page shows what is "
                             "there.",
                             state.empty() ? "state unknown" : state, step, total),
                 ""};
}

Verdict judge(const RunRecords& records) {
  std::vector<Finding> findings;
  add(find_state(records), &findings);
  add_losses(records, &findings);
  add(find_skipped_steps(records.metrics), &findings);
  for (Finding& finding : find_waiting(records.metrics)) findings.push_back(std::move(finding));
  add(find_few_images(records), &findings);
  for (const auto& doubt : records.run.value("doubts", std::vector<std::string>())) {
    findings.push_back({Tone::kWarning, "doubt", doubt, ""});
  }
  if (records.metrics.num_bad_lines > 0) {
    findings.push_back(
        {Tone::kNote, "torn_lines",
         fmt::format("{} lines of metrics.jsonl could not be read.", records.metrics.num_bad_lines),
         ""});
  }
  if (!records.unreadable.empty()) {
    findings.push_back({Tone::kNote, "unreadable",
                        fmt::format("Not readable: {}.", fmt::join(records.unreadable, ", ")), ""});
  }
  Verdict verdict = headline_of(findings);
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return static_cast<int>(a.tone) > static_cast<int>(b.tone);
  });
  verdict.findings = std::move(findings);
  return verdict;
}

}  // namespace omnigen::report
