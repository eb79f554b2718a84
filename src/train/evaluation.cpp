#include "train/evaluation.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "adapter/multiplier_scope.h"
#include "optim/evaluation_mode.h"
#include "util/hash.h"
#include "util/log.h"
#include "validate/baseline_losses.h"

namespace omnigen::train {
namespace {

using Losses = std::vector<std::vector<double>>;

constexpr const char* kLive = "loss/val/";
constexpr const char* kAverage = "loss/val_ema/";
constexpr const char* kPooled = "pooled";

double mean_of(const Losses& losses) {
  validate::EvalResult result;
  result.losses = losses;
  return validate::pooled_mean({result});
}

void append(const Losses& losses, Losses* all) {
  all->insert(all->end(), losses.begin(), losses.end());
}

// What rank 0 has kept of an earlier start, on every rank; nothing where there is none.
std::optional<Losses> kept_losses(const validate::BaselineLosses& store, const std::string& id,
                                  const std::string& key, comm::ProcessGroup& group) {
  std::string bytes;
  if (group.is_root()) {
    const auto losses = store.load(id, key);
    if (losses) nlohmann::json::to_cbor(nlohmann::json(*losses), bytes);
  }
  bytes = group.broadcast_bytes(bytes, 0);
  if (bytes.empty()) return std::nullopt;
  return nlohmann::json::from_cbor(bytes).get<Losses>();
}

}  // namespace

Evaluation::Evaluation(Parts parts)
    : parts_(std::move(parts)),
      options_{parts_.config.num_eval_images, parts_.config.eval_timesteps} {
  if (parts_.config.eval_loss_disable) return;
  std::string keys;
  for (const data::DatasetPtr& dataset : parts_.eval_sets) {
    if (!parts_.config.eval_dataset_id.empty() && dataset->id() != parts_.config.eval_dataset_id) {
      continue;
    }
    sets_.push_back(dataset);
    keys += dataset->id() + ' ' +
            validate::baseline_key(parts_.base_weights_id, dataset->fingerprint(), options_) + ' ';
  }
  what_ = util::hex64(util::xxh3_64(keys));
}

void Evaluation::evaluate_untouched() {
  const bool scheduled =
      parts_.config.eval_steps_interval > 0 || parts_.config.eval_epoch_interval > 0;
  if (!active() || !scheduled) return;
  const validate::BaselineLosses store(parts_.output_dir);
  const adapter::MultiplierScope untouched(parts_.adapters, 0.0);
  for (const data::DatasetPtr& dataset : sets_) {
    const std::string key =
        validate::baseline_key(parts_.base_weights_id, dataset->fingerprint(), options_);
    if (auto kept = kept_losses(store, dataset->id(), key, parts_.group)) {
      util::log::info(fmt::format("eval of the untouched model: {} {:.4f}, from an earlier start",
                                  dataset->id(), mean_of(*kept)));
      untouched_.push_back(std::move(*kept));
      continue;
    }
    const auto result = validate::evaluate(parts_.transformer, *dataset, options_, parts_.group);
    util::log::info(fmt::format("eval of the untouched model: {} {:.4f} in {:.1f} s", dataset->id(),
                                result.mean, result.seconds));
    if (parts_.group.is_root()) store.save(dataset->id(), key, result);
    untouched_.push_back(result.losses);
  }
  log_untouched();
}

std::vector<validate::EvalResult> Evaluation::evaluate(int64_t step, const std::string& series) {
  std::vector<validate::EvalResult> results;
  for (size_t i = 0; i < sets_.size(); ++i) {
    results.push_back(validate::evaluate(parts_.transformer, *sets_[i], options_, parts_.group));
    std::string line = validate::eval_line(step, series + sets_[i]->id(), results.back());
    if (i < untouched_.size()) {
      line += "; " + validate::difference_text(
                         validate::paired_difference(untouched_[i], results.back().losses));
    }
    util::log::info(line);
  }
  return results;
}

void Evaluation::add_means(const std::vector<validate::EvalResult>& results,
                           const std::string& series, EvaluationOutcome& outcome) const {
  if (parts_.config.eval_dataset_pooling) {
    outcome.series[series + kPooled] = validate::pooled_mean(results);
    return;
  }
  for (size_t i = 0; i < sets_.size(); ++i) {
    outcome.series[series + sets_[i]->id()] = results[i].mean;
  }
}

void Evaluation::add_improvement(const std::vector<validate::EvalResult>& results,
                                 EvaluationOutcome& outcome) const {
  if (untouched_.empty()) return;
  const auto add = [&](const std::string& id, const Losses& base, const Losses& now) {
    const auto difference = validate::paired_difference(base, now);
    outcome.series["loss/val_untouched/" + id] = mean_of(base);
    outcome.series["loss/val_improvement/" + id] = difference.mean;
    if (difference.interval) {
      outcome.series["loss/val_improvement_95/" + id] = *difference.interval;
    }
  };
  Losses all_untouched;
  Losses all;
  for (size_t i = 0; i < sets_.size(); ++i) {
    if (!parts_.config.eval_dataset_pooling) {
      add(sets_[i]->id(), untouched_[i], results[i].losses);
    }
    append(untouched_[i], &all_untouched);
    append(results[i].losses, &all);
  }
  if (parts_.config.eval_dataset_pooling) add(kPooled, all_untouched, all);
  outcome.improvement = validate::paired_difference(all_untouched, all);
}

std::map<std::string, Losses> Evaluation::by_series(const std::vector<Losses>& losses) const {
  std::map<std::string, Losses> series;
  for (size_t i = 0; i < losses.size(); ++i) {
    append(losses[i], &series[parts_.config.eval_dataset_pooling ? kPooled : sets_[i]->id()]);
  }
  return series;
}

void Evaluation::log_untouched() {
  if (!parts_.group.is_root()) return;
  nlohmann::ordered_json row;
  std::vector<Losses> zero;
  for (size_t i = 0; i < sets_.size(); ++i) {
    zero.push_back({validate::zero_predictor_losses(*sets_[i], options_)});
    row["loss/val_untouched_by_t/" + sets_[i]->id()] = validate::mean_by_time(untouched_[i]);
  }
  for (const auto& [id, losses] : by_series(untouched_)) {
    row["loss/val_untouched_items/" + id] = validate::comparison_items(losses);
  }
  for (const auto& [id, losses] : by_series(zero)) row["loss/val_zero/" + id] = mean_of(losses);
  parts_.metrics.row(0, row);
}

nlohmann::ordered_json Evaluation::items_of(const std::vector<validate::EvalResult>& results,
                                            const std::string& series) const {
  std::vector<Losses> losses;
  for (const validate::EvalResult& result : results) losses.push_back(result.losses);
  nlohmann::ordered_json row;
  for (const auto& [id, items] : by_series(losses)) {
    row[series + id] = validate::comparison_items(items);
  }
  return row;
}

void Evaluation::log_lists(int64_t step, const std::vector<validate::EvalResult>& results) {
  nlohmann::ordered_json row = items_of(results, "loss/val_items/");
  for (size_t i = 0; i < sets_.size(); ++i) {
    row["loss/val_by_t/" + sets_[i]->id()] = results[i].mean_by_time;
  }
  parts_.metrics.row(step, row);
}

EvaluationOutcome Evaluation::run(int64_t step) {
  EvaluationOutcome outcome;
  outcome.what = what_;
  if (!active()) return outcome;
  const optim::EvaluationMode evaluation(parts_.optimizer);
  const auto live = evaluate(step, kLive);
  add_means(live, kLive, outcome);
  outcome.loss = validate::pooled_mean(live);
  add_improvement(live, outcome);
  log_lists(step, live);
  if (parts_.ema != nullptr) {
    parts_.ema->enter();
    const auto average = evaluate(step, kAverage);
    parts_.ema->leave();
    add_means(average, kAverage, outcome);
    parts_.metrics.row(step, items_of(average, "loss/val_ema_items/"));
  }
  return outcome;
}

}  // namespace omnigen::train
