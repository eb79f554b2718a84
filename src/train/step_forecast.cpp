#include "train/step_forecast.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "train/block_probe.h"
#include "train/device_memory.h"
#include "train/memory_advice.h"
#include "util/error.h"
#include "util/log.h"
#include "util/progress.h"
#include "util/stopwatch.h"

namespace omnigen::train {
namespace {

using model::Recompute;

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
constexpr int64_t kMostRecords = 2048;  // of a set
constexpr double kUsable = 0.9;         // of the memory that is free

// The frugal levels are measured only where the first round's do not fit.
std::vector<std::vector<Recompute>> rounds_of_levels(int64_t least_full, int64_t num_blocks) {
  if (least_full == num_blocks) return {{Recompute::kFull}};
  std::vector<Recompute> first = {Recompute::kNone};
  if (least_full > 0) first.push_back(Recompute::kFull);
  return {first, {Recompute::kSelective, Recompute::kFull}};
}

// Zeros that nobody has written to take no memory yet.
void make_resident(const at::Tensor& tensor) {
  constexpr size_t kPage = 4096;
  if (!tensor.is_cpu() || !tensor.is_contiguous()) return;
  auto* bytes = static_cast<volatile char*>(tensor.data_ptr());
  for (size_t at = 0; at < tensor.nbytes(); at += kPage) bytes[at] = bytes[at];
}

}  // namespace

Workload workload_of(const SampleLoader& loader, const SampleCost& cost) {
  Workload workload;
  double total_flop = 0.0;
  double total_samples = 0.0;
  for (size_t i = 0; i < loader.sets().size(); ++i) {
    const LoaderSet& set = loader.sets()[i];
    const int64_t size = set.set.dataset->size();
    const int64_t looked_at = std::min(size, kMostRecords);
    double set_flop = 0.0;
    for (int64_t n = 0; n < looked_at; ++n) {
      const data::SampleRef ref{static_cast<int32_t>(i), n * size / looked_at, 0};
      const SampleSize tokens = loader.size(ref);
      const double flop = cost.flop(tokens, false);
      if (flop > workload.largest_flop) {
        workload.largest = ref;
        workload.largest_flop = flop;
      }
      set_flop += cost.flop(tokens, set.regularisation);
    }
    if (looked_at == 0) continue;
    const auto samples = static_cast<double>(size * (set.set.repeats + 1));
    total_flop += set_flop / static_cast<double>(looked_at) * samples;
    total_samples += samples;
  }
  workload.mean_flop = total_flop / std::max(1.0, total_samples);
  return workload;
}

// Called in every step of the run: not of this object, which is gone by then.
std::function<std::vector<at::Tensor>(int64_t block)> Forecaster::leaves_of_block() const {
  return [&weights = parts_.weights](int64_t block) { return weights.leaves_of_block(block); };
}

// Of the slowest rank and the one that takes most.
LevelCost Forecaster::measured(const model::MicroBatch& batch, Recompute level) {
  const LevelCost mine = BlockProbe{parts_.transformer, batch, leaves_of_block()}.measure(level);
  const auto most = [this](auto value) {
    return static_cast<decltype(value)>(parts_.group.all_reduce_max(static_cast<double>(value)));
  };
  return {most(mine.one_block_s), most(mine.further_s), most(mine.further_kept),
          most(mine.two_blocks_peak)};
}

int64_t Forecaster::largest_micro_batch(const data::SampleRef& largest) const {
  const data::BatchShape& shape = parts_.plan.batch;
  if (shape.most_tokens == 0) return shape.micro_batch;
  const int64_t tokens = parts_.cost.tokens(parts_.loader.size(largest));
  return std::clamp<int64_t>(shape.most_tokens / tokens, 1, shape.micro_batch * shape.accumulation);
}

// As every step will do it: the least of some tries.
double Forecaster::measured_reduction() const {
  constexpr int kTries = 3;
  if (parts_.group.size() == 1) return 0.0;
  at::Tensor& gradients = parts_.weights.gradients().buffer();
  gradients.zero_();
  double least_s = std::numeric_limits<double>::max();
  for (int i = 0; i < kTries; ++i) {
    const util::Stopwatch watch;
    parts_.group.all_reduce_sum(gradients);
    if (gradients.numel() > 0) static_cast<void>(gradients[0].item<float>());  // waits for a device
    least_s = std::min(least_s, watch.elapsed_s());
  }
  return parts_.group.all_reduce_max(least_s);
}

// gradient_checkpointing: at least this frugal.
int64_t Forecaster::least_full_blocks() const {
  if (!parts_.config.model.gradient_checkpointing) return 0;
  const int64_t interval = parts_.config.model.gradient_checkpointing_interval.value_or(1);
  return (parts_.transformer.config().num_layers + interval - 1) / interval;
}

// Sets the budget; returns the bytes in use already.
int64_t Forecaster::measure_budget(StepForecast& forecast) {
  const at::Device device = parts_.transformer.device();
  const DeviceMemory memory = device_memory(device);
  const int ranks = device.is_cpu() ? parts_.ranks_on_host : 1;
  const auto used = static_cast<double>(memory.used);
  const double budget = parts_.config.model.memory_budget
                            ? *parts_.config.model.memory_budget * kGiB
                            : used + kUsable * static_cast<double>(memory.available) / ranks;
  forecast.budget_bytes = static_cast<int64_t>(-parts_.group.all_reduce_max(-budget));
  return static_cast<int64_t>(parts_.group.all_reduce_max(used));
}

void Forecaster::refuse_or_warn(const StepForecast& forecast) const {
  const MemoryUse use = training_use(parts_.config, parts_.plan);
  const std::string text = fmt::format(
      "{} needs {:.2f} GiB a rank with every block recomputed, more than the {:.2f} GiB {}; try: "
      "{}",
      use.doing, static_cast<double>(forecast.peak_bytes) / kGiB,
      static_cast<double>(forecast.budget_bytes) / kGiB,
      parts_.config.model.memory_budget ? "of memory_budget" : "that are free",
      use.remedies.empty() ? "a smaller resolution"
                           : fmt::format("{}", fmt::join(use.remedies, "; ")));
  if (parts_.config.model.memory_budget) throw util::ConfigError(text);
  if (parts_.group.is_root()) util::log::warn(text);
}

StepForecast Forecaster::plan() {
  make_resident(parts_.weights.gradients().buffer());
  for (const auto& [name, tensor] : parts_.optimizer.state_dict()) make_resident(tensor);
  const Workload workload = workload_of(parts_.loader, parts_.cost);
  const model::PackedSample sample = parts_.loader.load(workload.largest).input;
  const int64_t count = largest_micro_batch(workload.largest);
  model::MicroBatch batch(static_cast<size_t>(count), sample);
  for (model::PackedSample& each : batch) {
    each.latent_CHW = each.latent_CHW.to(parts_.transformer.device());
  }
  const int64_t num_blocks = parts_.transformer.config().num_layers;
  const int64_t least_full = least_full_blocks();
  LevelCosts costs;
  StepForecast forecast;
  for (const std::vector<Recompute>& levels : rounds_of_levels(least_full, num_blocks)) {
    for (const Recompute level : levels) {
      auto& cost = costs[static_cast<size_t>(level)];
      if (!cost) cost = measured(batch, level);
    }
    const int64_t used = measure_budget(forecast);
    forecast.recompute =
        plan_recompute(costs, num_blocks, least_full, forecast.budget_bytes - used);
    forecast.peak_bytes = used + forecast.recompute.peak_bytes;
    if (forecast.recompute.fits) break;
  }
  if (!forecast.recompute.fits) refuse_or_warn(forecast);
  parts_.transformer.set_recompute(forecast.recompute.of_block, leaves_of_block());
  const double per_flop =
      forecast.recompute.micro_batch_s / (workload.largest_flop * static_cast<double>(count));
  forecast.compute_s =
      per_flop * workload.mean_flop *
      static_cast<double>(parts_.plan.batch.micro_batch * parts_.plan.batch.accumulation);
  forecast.reduce_s = measured_reduction();
  return forecast;
}

std::vector<std::string> describe(const StepForecast& forecast, const RunPlan& plan) {
  const auto global_batch = static_cast<double>(plan.batch.global_batch());
  const auto steps = static_cast<double>(std::max<int64_t>(0, plan.total_steps - plan.start_step));
  const std::string parts =
      plan.batch.world_size > 1
          ? fmt::format(" ({:.3g} computing, {:.2g} summing gradients over {} ranks)",
                        forecast.compute_s, forecast.reduce_s, plan.batch.world_size)
          : "";
  return {fmt::format("  memory per rank: {:.2f} GiB at the peak of a step, of {:.2f} GiB",
                      static_cast<double>(forecast.peak_bytes) / kGiB,
                      static_cast<double>(forecast.budget_bytes) / kGiB),
          fmt::format("  computed again in the backward pass: {}", describe(forecast.recompute)),
          fmt::format("  a step takes {:.3g} s{}, {:.3g} samples/s: {} for {:.0f} steps, besides "
                      "evaluations and images",
                      forecast.step_s(), parts, global_batch / forecast.step_s(),
                      util::duration_text(steps * forecast.step_s()), steps)};
}

}  // namespace omnigen::train
