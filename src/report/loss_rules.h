// What losses say of a training, in plain words. Each rule is a function of its own.
//
// Rules ask for significance, never for the look of a curve. Evaluations are compared item by item
// (t intervals; where several evaluations are looked at, their number is allowed for); training
// losses by Welch's test on means of blocks of steps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/run_records.h"

namespace omnigen::report {

enum class Tone { kGood, kNote, kWarning, kBad };

struct Finding {
  Tone tone = Tone::kNote;
  std::string code;  // "overfit", "rate_too_high", …
  std::string text;  // what was found
  std::string advice;
};

// Finite losses of the steps, without regularisation data where the run says which those are, and
// what they are measured by.
struct TrainingLoss {
  std::vector<int64_t> steps;
  std::vector<double> values;
  std::optional<double> zero;  // of a model that predicts nothing, on the training images
  double clipped_share = 0.0;  // of the steps
};
TrainingLoss training_loss(const RunRecords& records);

// The loss rose above what a model that knows nothing scores, or ended above its beginning, or
// held-out images got worse without the trained ones getting better.
std::optional<Finding> find_high_rate(const TrainingLoss& training,
                                      const std::vector<EvalSeries>& evaluations);
// Held-out loss has risen from its lowest while training loss has not. `checkpoint`: one to go back
// to, or empty.
std::optional<Finding> find_overfit(const TrainingLoss& training, const EvalSeries& evaluation,
                                    const std::string& checkpoint);
// The last evaluation against the untouched model: better, or not to be told apart.
std::optional<Finding> find_learning(const TrainingLoss& training, const EvalSeries& evaluation);
// For a run without evaluations: whether the training loss fell.
std::optional<Finding> find_training_only(const TrainingLoss& training);
// Averaged weights that are better or worse than the live ones.
std::optional<Finding> find_average(const EvalSeries& evaluation);

}  // namespace omnigen::report
