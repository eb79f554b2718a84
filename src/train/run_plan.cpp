#include "train/run_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace omnigen::train {
namespace {

std::string size_text(const data::RecordMeta& meta) {
  return fmt::format("{}x{}", meta.target_width, meta.target_height);
}

}  // namespace

RunPlan make_plan(const std::vector<LoaderSet>& sets, const data::BatchShape& batch,
                  int64_t max_train_steps, double num_train_epochs) {
  RunPlan plan;
  plan.batch = batch;
  for (const LoaderSet& set : sets) {
    const data::Dataset& dataset = *set.set.dataset;
    std::map<std::string, int64_t> sizes;
    for (int64_t i = 0; i < dataset.size(); ++i) ++sizes[size_text(dataset.meta(i))];
    plan.sets.push_back({dataset.id(),
                         dataset.size(),
                         set.set.repeats,
                         set.regularisation,
                         set.masks ? set.masks->id() : "",
                         {sizes.begin(), sizes.end()}});
    plan.samples_per_epoch += dataset.size() * (set.set.repeats + 1);
  }
  const auto global_batch = static_cast<double>(batch.global_batch());
  const auto per_epoch = static_cast<double>(plan.samples_per_epoch);
  plan.total_steps =
      max_train_steps > 0
          ? max_train_steps
          : static_cast<int64_t>(std::ceil(num_train_epochs * per_epoch / global_batch));
  plan.epochs =
      per_epoch > 0 ? static_cast<double>(plan.total_steps) * global_batch / per_epoch : 0;
  return plan;
}

std::vector<std::string> describe(const RunPlan& plan) {
  std::vector<std::string> lines;
  lines.emplace_back("***** Running training *****");
  for (const PlannedSet& set : plan.sets) {
    std::vector<std::string> sizes;
    for (const auto& [size, count] : set.sizes) sizes.push_back(fmt::format("{}: {}", size, count));
    lines.push_back(
        fmt::format("  data set {}: images {}, repeats {}, samples per epoch {}{}{} ({})", set.id,
                    set.num_images, set.repeats, set.num_images * (set.repeats + 1),
                    set.regularisation ? ", regularisation" : "",
                    set.masks.empty() ? "" : ", masked by " + set.masks, fmt::join(sizes, ", ")));
  }
  const data::BatchShape& batch = plan.batch;
  lines.push_back(fmt::format("  effective batch {} = {} per rank x {} ranks x {} accumulation",
                              batch.global_batch(), batch.micro_batch, batch.world_size,
                              batch.accumulation));
  if (batch.most_tokens > 0) {
    lines.push_back(fmt::format("  micro-batches of up to {} tokens", batch.most_tokens));
  }
  lines.push_back(fmt::format(
      "  samples per epoch {}, batches per epoch {:.2f}, epochs {:.2f}", plan.samples_per_epoch,
      static_cast<double>(plan.samples_per_epoch) / static_cast<double>(batch.global_batch()),
      plan.epochs));
  lines.push_back(fmt::format("  optimization steps {}: {} done, {} to do", plan.total_steps,
                              plan.start_step,
                              std::max<int64_t>(0, plan.total_steps - plan.start_step)));
  return lines;
}

}  // namespace omnigen::train
