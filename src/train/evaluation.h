// Evaluation losses of a running training, compared with the untouched model's item by item.
//
// Series: `loss/val/<id>` (live weights), `loss/val_ema/<id>` (averaged),
// `loss/val_untouched/<id>`, `loss/val_improvement/<id>` and `loss/val_improvement_95/<id>` (by how
// much the live weights are better, and the half width of its 95 % interval); `pooled` for the id
// with eval_dataset_pooling. metrics.jsonl also has lists: `loss/val_by_t/<id>` by time,
// `loss/val_items/<id>` of what the interval is formed of (`loss/val_ema_items/<id>` of the
// averaged weights); and, as step 0, the untouched model's:
// `loss/val_untouched_by_t/<id>`, `loss/val_untouched_items/<id>`, with `loss/val_zero/<id>`, the
// loss of a model that predicts nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapter/adapter_set.h"
#include "comm/process_group.h"
#include "config/schema.h"
#include "data/dataset.h"
#include "model/omnigen_transformer.h"
#include "optim/optimizer.h"
#include "train/ema_weights.h"
#include "train/metrics.h"
#include "validate/evaluator.h"
#include "validate/paired_difference.h"

namespace omnigen::train {

// The same on every rank.
struct EvaluationOutcome {
  std::map<std::string, double> series;
  std::optional<double> loss;  // over all evaluation sets; nothing without one
  std::optional<validate::PairedDifference> improvement;
  std::string what;  // hash of what was evaluated: losses of another hash cannot be compared
};

class Evaluation {
 public:
  struct Parts {
    const config::ValidateConfig& config;
    comm::ProcessGroup& group;
    const model::OmniGenTransformer& transformer;
    adapter::AdapterSet* adapters;  // null where the whole model is trained
    std::vector<data::DatasetPtr> eval_sets;
    const optim::Optimizer& optimizer;
    EmaWeights* ema;  // null without use_ema
    Metrics& metrics;
    std::filesystem::path output_dir;
    std::string base_weights_id;
  };
  explicit Evaluation(Parts parts);

  // The untouched model's losses, from an earlier start where they are there. A model that is
  // trained whole must not have been trained or resumed yet. Collective.
  void evaluate_untouched();
  // Losses of the live and the averaged weights. Collective.
  EvaluationOutcome run(int64_t step);

 private:
  [[nodiscard]] bool active() const { return !sets_.empty(); }
  std::vector<validate::EvalResult> evaluate(int64_t step, const std::string& series);
  void add_means(const std::vector<validate::EvalResult>& results, const std::string& series,
                 EvaluationOutcome& outcome) const;
  void add_improvement(const std::vector<validate::EvalResult>& results,
                       EvaluationOutcome& outcome) const;
  // By id, or all of them as one with eval_dataset_pooling.
  [[nodiscard]] std::map<std::string, std::vector<std::vector<double>>> by_series(
      const std::vector<std::vector<std::vector<double>>>& losses) const;
  [[nodiscard]] nlohmann::ordered_json items_of(const std::vector<validate::EvalResult>& results,
                                                const std::string& series) const;
  void log_untouched();
  void log_lists(int64_t step, const std::vector<validate::EvalResult>& results);

  Parts parts_;
  validate::EvalOptions options_;
  std::vector<data::DatasetPtr> sets_;
  std::string what_;
  std::vector<std::vector<std::vector<double>>> untouched_;  // [set][record][time]
};

}  // namespace omnigen::train
