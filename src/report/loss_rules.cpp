#include "report/loss_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/statistics.h"

namespace omnigen::report {
namespace {

constexpr double kConfidence = 0.95;
constexpr double kSure = 0.999;      // where many windows are looked at
constexpr size_t kBlocks = 10;       // of a window of steps
constexpr size_t kFewestSteps = 20;  // fewer say nothing about training loss
constexpr double kMatters = 0.05;    // share by which a training loss must differ
constexpr double kLostShare = 0.10;  // of what was gained, when held-out loss rises again
constexpr double kRiseAlone = 0.01;  // of the loss, where nothing was gained
constexpr double kHardly = 0.005;    // of the loss: significant, yet of no use
constexpr double kAlmostAlways = 0.99;
constexpr double kPercent = 100.0;

using Values = std::vector<double>;

size_t window_length(const TrainingLoss& training) {
  return std::max<size_t>(5, training.values.size() / 10);
}

Values slice(const Values& values, size_t begin, size_t length) {
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return {first, first + static_cast<std::ptrdiff_t>(std::min(length, values.size() - begin))};
}

Values blocks_of(const Values& values, size_t begin, size_t length) {
  return block_means(slice(values, begin, length), kBlocks);
}

Values first_blocks(const TrainingLoss& training) {
  return blocks_of(training.values, 0, window_length(training));
}

Values last_blocks(const TrainingLoss& training) {
  const size_t length = window_length(training);
  return blocks_of(training.values, training.values.size() - length, length);
}

bool enough(const TrainingLoss& training) {
  return training.values.size() >= kFewestSteps;
}

// Around the step where held-out loss was lowest.
Values blocks_at(const TrainingLoss& training, int64_t step) {
  const size_t length = window_length(training);
  const auto after = std::upper_bound(training.steps.begin(), training.steps.end(), step);
  const auto end = static_cast<size_t>(after - training.steps.begin());
  return blocks_of(training.values, end - std::min(end, length), length);
}

// By how much the last evaluation is below the untouched model's loss.
std::optional<Interval> improvement(const EvalSeries& series, const EvalSeries::Point& point) {
  auto paired = paired_interval(series.untouched_items, point.items, kConfidence);
  if (!paired && point.improvement) paired = Interval{*point.improvement, point.interval};
  return paired;
}

std::string of_set(const EvalSeries& series) {
  return series.id == "pooled" ? std::string("held-out images")
                               : fmt::format("held-out images ({})", series.id);
}

std::string with_interval(const Interval& interval) {
  return interval.half_width
             ? fmt::format("{:.4f} ± {:.4f}", std::abs(interval.mean), *interval.half_width)
             : fmt::format("{:.4f}", std::abs(interval.mean));
}

std::string rate_advice(const TrainingLoss& training) {
  return training.clipped_share >= kAlmostAlways
             ? "Lower the learning rate to a tenth and start again; the gradient was clipped at "
               "every step, which hides how large it is."
             : "Lower the learning rate to a tenth and start again.";
}

// Steps whose neighbourhood scores worse than a model that knows nothing, and than the beginning.
struct Peak {
  int64_t first = 0;
  int64_t last = 0;
  double height = 0.0;
  bool at_end = false;
};
std::optional<Peak> peak_above(const TrainingLoss& training, double limit) {
  const size_t length = std::max<size_t>(5, training.values.size() / 50);
  std::optional<Peak> peak;
  for (size_t begin = 0; begin + length <= training.values.size(); begin += length) {
    const bool last = begin + 2 * length > training.values.size();
    const Interval here = mean_interval(blocks_of(training.values, begin, length), kSure);
    if (!here.above(limit)) continue;
    if (!peak) peak = Peak{training.steps[begin], 0, 0.0, false};
    peak->last = training.steps[begin + length - 1];
    peak->height = std::max(peak->height, here.mean);
    peak->at_end = last;
  }
  return peak;
}

std::optional<Finding> rose_above_nothing(const TrainingLoss& training,
                                          const std::vector<EvalSeries>& evaluations) {
  if (!training.zero) return std::nullopt;
  // A model of random weights may begin above. The first step is the untouched model's.
  double begin = training.values.front();
  for (const EvalSeries& series : evaluations) {
    if (!series.untouched_by_time.empty()) begin = over_training_times(series.untouched_by_time);
  }
  const auto peak = peak_above(training, std::max(*training.zero, begin) * (1.0 + kMatters));
  if (!peak) return std::nullopt;
  return Finding{
      peak->at_end ? Tone::kBad : Tone::kWarning, "rate_too_high",
      fmt::format("The learning rate is too high: between steps {} and {} the training loss rose "
                  "above {:.2f}, what a model that knows nothing scores (up to {:.4g}).",
                  peak->first, peak->last, *training.zero, peak->height),
      rate_advice(training)};
}

std::optional<Finding> ended_above_beginning(const TrainingLoss& training) {
  const Values first = first_blocks(training);
  const Values last = last_blocks(training);
  if (!independent_interval(first, last, kSure).above(kMatters * mean_of(first))) {
    return std::nullopt;
  }
  return Finding{Tone::kBad, "rate_too_high",
                 fmt::format("The learning rate is too high: the training loss rose from {:.3f} in "
                             "the first {} steps to {:.3f} in the last.",
                             mean_of(first), window_length(training), mean_of(last)),
                 rate_advice(training)};
}

// What training scores with the untouched model: its held-out loss at the times that training
// draws, or the first steps.
double untouched_training_loss(const TrainingLoss& training, const EvalSeries& series) {
  return series.untouched_by_time.empty() ? mean_of(first_blocks(training))
                                          : over_training_times(series.untouched_by_time);
}

bool ever_better(const EvalSeries& series) {
  return std::any_of(series.points.begin(), series.points.end(), [&](const auto& point) {
    const auto gain = improvement(series, point);
    return gain && gain->above(0.0);
  });
}

// Held-out loss above the untouched model's at the end and never below it.
std::optional<Interval> only_worse(const EvalSeries& series) {
  if (series.points.empty() || ever_better(series)) return std::nullopt;
  const auto last = improvement(series, series.points.back());
  return last && last->below(0.0) ? last : std::nullopt;
}

bool memorises(const TrainingLoss& training, const EvalSeries& series) {
  return enough(training) && mean_interval(last_blocks(training), kConfidence)
                                 .below(untouched_training_loss(training, series));
}

std::optional<Finding> got_worse(const TrainingLoss& training, const EvalSeries& series) {
  const auto loss = only_worse(series);
  if (!loss || memorises(training, series)) return std::nullopt;
  return Finding{Tone::kBad, "rate_too_high",
                 fmt::format("The learning rate is too high: the loss on {} is above the untouched "
                             "model's by {}, and the training images are not predicted better "
                             "either.",
                             of_set(series), with_interval(*loss)),
                 rate_advice(training)};
}

// How far above its lowest the last held-out loss is, and whether that is more than chance.
struct Rise {
  double amount = 0.0;
  bool significant = false;
  bool paired = true;
};
Rise rise_since(const EvalSeries& series, const EvalSeries::Point& best) {
  const EvalSeries::Point& last = series.points.back();
  const auto later = std::count_if(series.points.begin(), series.points.end(),
                                   [&](const auto& point) { return point.step > best.step; });
  // The lowest of many is low by chance too: Bonferroni over the evaluations after it.
  const double confidence =
      1.0 - (1.0 - kConfidence) / static_cast<double>(std::max<int64_t>(1, later));
  Rise rise{last.loss - best.loss, false, true};
  if (const auto paired = paired_interval(last.items, best.items, confidence)) {
    rise.significant = paired->above(0.0);
    return rise;
  }
  rise.paired = false;
  if (!last.interval || !best.interval) return rise;
  rise.significant = rise.amount > std::hypot(*last.interval, *best.interval);
  return rise;
}

std::string training_meanwhile(const TrainingLoss& training, int64_t step, bool* rose) {
  *rose = false;
  if (!enough(training)) return {};
  const Values then = blocks_at(training, step);
  const Values now = last_blocks(training);
  if (then.size() < 2) return {};
  const Interval change = independent_interval(then, now, kConfidence);
  *rose = change.above(kMatters * mean_of(then));
  return change.below(0.0)
             ? fmt::format(
                   ", while the training loss went on falling ({:.3f} to "
                   "{:.3f})",
                   mean_of(then), mean_of(now))
             : fmt::format(", while the training loss stays at about {:.3f}", mean_of(now));
}

Finding memorised_from_the_start(const TrainingLoss& training, const EvalSeries& series,
                                 const Interval& loss) {
  return {Tone::kBad, "overfit",
          fmt::format("Overfit from the start: the training loss is {:.3f}, well below the "
                      "untouched model's, but the loss on {} is above the untouched model's by {} "
                      "and never was below it, from its first evaluation at step {} on.",
                      mean_of(last_blocks(training)), of_set(series), with_interval(loss),
                      series.points.front().step),
          "Add pictures, lower the learning rate or the number of steps, and evaluate more often."};
}

}  // namespace

TrainingLoss training_loss(const RunRecords& records) {
  TrainingLoss training;
  const auto add = [&](int64_t step, double loss) {
    if (!std::isfinite(loss)) return;
    training.steps.push_back(step);
    training.values.push_back(loss);
  };
  const ListSeries& by_time = records.metrics.list("train_loss_by_t");
  for (size_t i = 0; i < by_time.steps.size(); ++i) {
    double sum = 0.0;
    double count = 0.0;
    for (const TimeBin& bin : time_bins(by_time.values[i])) {
      count += bin.samples;
      sum += bin.samples * bin.mean;
    }
    if (count > 0) add(by_time.steps[i], sum / count);
  }
  const Series& losses = records.metrics.at("train_loss");
  for (size_t i = 0; i < losses.steps.size() && by_time.empty(); ++i) {
    add(losses.steps[i], losses.values[i]);
  }
  training.zero = records.expected_loss("zero_predictor");
  const auto limit = number_in(records.config, "max_grad_norm");
  for (const char* name : {"grad_norm", "grad_absmax"}) {
    const Series& sizes = records.metrics.at(name);
    if (sizes.empty() || !limit || *limit <= 0) continue;
    const auto clipped = std::count_if(sizes.values.begin(), sizes.values.end(),
                                       [&](double size) { return size > *limit; });
    training.clipped_share = static_cast<double>(clipped) / static_cast<double>(sizes.steps.size());
  }
  return training;
}

std::optional<Finding> find_high_rate(const TrainingLoss& training,
                                      const std::vector<EvalSeries>& evaluations) {
  std::optional<Finding> found;
  if (enough(training)) {
    found = rose_above_nothing(training, evaluations);
    if (!found || found->tone != Tone::kBad) {
      if (auto ended = ended_above_beginning(training)) found = ended;
    }
  }
  for (const EvalSeries& series : evaluations) {
    if (found && found->tone == Tone::kBad) break;
    if (found && only_worse(series)) found->tone = Tone::kBad;
    if (auto worse = got_worse(training, series); worse && !found) found = worse;
  }
  return found;
}

std::optional<Finding> find_overfit(const TrainingLoss& training, const EvalSeries& evaluation,
                                    const std::string& checkpoint) {
  if (evaluation.points.empty()) return std::nullopt;
  const auto worse = only_worse(evaluation);
  if (worse && memorises(training, evaluation)) {
    return memorised_from_the_start(training, evaluation, *worse);
  }
  const EvalSeries::Point& best = evaluation.best();
  const EvalSeries::Point& last = evaluation.points.back();
  if (best.step == last.step) return std::nullopt;
  const Rise rise = rise_since(evaluation, best);
  const double gained = evaluation.untouched ? *evaluation.untouched - best.loss : 0.0;
  const double least = gained > 0 ? kLostShare * gained : kRiseAlone * best.loss;
  bool training_rose = false;
  const std::string meanwhile = training_meanwhile(training, best.step, &training_rose);
  if (!rise.significant || rise.amount < least || training_rose) return std::nullopt;
  const bool lost_all = gained > 0 && rise.amount >= gained;
  std::string text = fmt::format(
      "Overfit since step {}: the loss on {} was lowest there ({:.4f}) and has risen to {:.4f}{}.",
      best.step, of_set(evaluation), best.loss, last.loss, meanwhile);
  if (lost_all) text += " The model is now worse on them than untouched.";
  return Finding{lost_all ? Tone::kBad : Tone::kWarning, "overfit", text,
                 checkpoint.empty()
                     ? fmt::format("Train about {} steps, or with more pictures.", best.step)
                     : fmt::format("Use {}, or train with more pictures.", checkpoint)};
}

std::optional<Finding> find_learning(const TrainingLoss& training, const EvalSeries& evaluation) {
  if (evaluation.points.empty()) return std::nullopt;
  const EvalSeries::Point& last = evaluation.points.back();
  const auto gain = improvement(evaluation, last);
  if (!gain || !gain->half_width || !evaluation.untouched) return std::nullopt;
  const double share = gain->mean / *evaluation.untouched;
  const std::string numbers = fmt::format(
      "at step {} the loss on {} is {:.4f}, the untouched model's {:.4f}: lower by {} "
      "(95 %), {:.1f} %",
      last.step, of_set(evaluation), last.loss, *evaluation.untouched, with_interval(*gain),
      kPercent * share);
  if (gain->above(0.0)) {
    if (share >= kHardly) return Finding{Tone::kGood, "learns", "It learns: " + numbers + ".", ""};
    return Finding{Tone::kWarning, "hardly_learns",
                   "It has hardly learnt anything yet: " + numbers + ".",
                   "Train longer, or raise the learning rate."};
  }
  if (gain->below(0.0)) return std::nullopt;  // other rules say why
  const bool fell =
      enough(training) &&
      independent_interval(first_blocks(training), last_blocks(training), kConfidence).below(0.0);
  return Finding{
      Tone::kWarning, fell ? "not_on_held_out" : "not_learning",
      fmt::format("{}: at step {} the loss on {} is {:.4f} and cannot be told from the untouched "
                  "model's {:.4f} (difference {:.4f} ± {:.4f}, 95 %){}.",
                  fell ? "What it learns does not show on held-out images" : "Not learning",
                  last.step, of_set(evaluation), last.loss, *evaluation.untouched, gain->mean,
                  *gain->half_width, fell ? ", though the training loss fell" : ""),
      fell ? "Add pictures, or check that the held-out ones show the same thing."
           : "Train longer or raise the learning rate; check captions and data."};
}

std::optional<Finding> find_training_only(const TrainingLoss& training) {
  if (!enough(training)) return std::nullopt;
  const Values first = first_blocks(training);
  const Values last = last_blocks(training);
  const Interval change = independent_interval(first, last, kConfidence);
  const std::string numbers = fmt::format("{:.3f} in the first {} steps, {:.3f} in the last",
                                          mean_of(first), window_length(training), mean_of(last));
  const std::string advice =
      "Give a data set of type eval: then each evaluation says whether held-out pictures profit.";
  if (change.below(0.0)) {
    return Finding{Tone::kNote, "training_loss_falls",
                   fmt::format("The training loss falls ({}); whether it learns or memorises, only "
                               "held-out pictures can tell.",
                               numbers),
                   advice};
  }
  return Finding{Tone::kWarning, "training_loss_flat",
                 fmt::format("The training loss has not fallen by more than chance ({}).", numbers),
                 "Noise levels scatter it, so this alone is no proof. " + advice};
}

std::optional<Finding> find_average(const EvalSeries& evaluation) {
  if (evaluation.points.empty()) return std::nullopt;
  const EvalSeries::Point& last = evaluation.points.back();
  const auto gain = paired_interval(last.items, last.average_items, kConfidence);
  if (!gain || !last.average) return std::nullopt;
  const std::string numbers =
      fmt::format("{:.4f} against {:.4f} on {}", *last.average, last.loss, of_set(evaluation));
  if (gain->above(0.0)) {
    return Finding{
        Tone::kNote, "average_better",
        fmt::format("The averaged weights (EMA) are better than the live ones: {}.", numbers),
        "Use those in ema/."};
  }
  if (!gain->below(0.0)) return std::nullopt;
  return Finding{Tone::kNote, "average_behind",
                 fmt::format("The averaged weights (EMA) are behind the live ones: {}.", numbers),
                 "Use the live weights, or lower ema_decay for a run this short."};
}

}  // namespace omnigen::report
