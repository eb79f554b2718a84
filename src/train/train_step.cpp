#include "train/train_step.h"

#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>

#include "adapter/multiplier_scope.h"
#include "model/packed_layout.h"
#include "nn/upload.h"
#include "util/profile.h"
#include "util/stopwatch.h"

namespace omnigen::train {
namespace {

// What a layer's input can hold of a sample: its whole sequence, its output-image tokens (the last
// block and what follows), or one row (the time embeddings).
std::shared_ptr<adapter::SampleRows> rows_of(const TrainMicroBatch& batch,
                                             const model::TransformerConfig& config,
                                             const model::MicroBatch& inputs) {
  auto rows = std::make_shared<adapter::SampleRows>();
  rows->splits.resize(3);
  for (const model::SampleLayout& sample : model::make_layout(config, inputs).samples) {
    rows->splits[0].push_back(sample.length());
    rows->splits[1].push_back(sample.grid.tokens());
    rows->splits[2].push_back(1);
  }
  for (const TrainSample& sample : batch) rows->keys.push_back(sample.adapter_key);
  return rows;
}

// While one of these lives, the adapters draw for the samples of a micro-batch.
class Drawing {
 public:
  Drawing(adapter::AdapterSet& adapters, const std::shared_ptr<const adapter::SampleRows>& rows)
      : adapters_(adapters) {
    adapters_.set_sample_rows(rows);
  }
  ~Drawing() { adapters_.set_sample_rows(nullptr); }
  Drawing(const Drawing&) = delete;
  Drawing& operator=(const Drawing&) = delete;

 private:
  adapter::AdapterSet& adapters_;
};

// Every rank's numbers in rank order.
std::vector<double> gather(comm::ProcessGroup& group, const std::vector<double>& local) {
  const std::string bytes(reinterpret_cast<const char*>(local.data()),
                          local.size() * sizeof(double));
  std::vector<double> all;
  for (const std::string& part : group.all_gather_bytes(bytes)) {
    const size_t begin = all.size();
    all.resize(begin + part.size() / sizeof(double));
    std::memcpy(all.data() + begin, part.data(), part.size());
  }
  return all;
}

// Place, loss and time of each sample. The only time that a step waits for the device's results
// before they are reduced.
std::vector<double> facts_of(const std::vector<TrainMicroBatch>& micro_batches,
                             const std::vector<at::Tensor>& losses) {
  if (losses.empty()) return {};
  const util::Span span("loss");
  const at::Tensor values = at::cat(losses).to(at::kCPU, at::kDouble);
  const auto* loss = values.const_data_ptr<double>();
  std::vector<double> facts;
  for (const TrainMicroBatch& batch : micro_batches) {
    for (const TrainSample& sample : batch) {
      facts.insert(facts.end(),
                   {static_cast<double>(sample.place), *loss++, sample.input.timestep});
    }
  }
  return facts;
}

// Losses and times by place in the global batch, from (place, loss, time) of every rank's samples.
void put_in_order(const std::vector<double>& all, int64_t num_samples, StepResult* result) {
  constexpr size_t kValues = 3;
  TORCH_CHECK(std::ssize(all) == num_samples * static_cast<int64_t>(kValues),
              "train step: ", all.size() / kValues, " samples for a global batch of ", num_samples);
  result->sample_losses.resize(static_cast<size_t>(num_samples));
  result->sample_times.resize(static_cast<size_t>(num_samples));
  for (size_t i = 0; i * kValues < all.size(); ++i) {
    const double* values = &all[i * kValues];
    const size_t place = values[0] < 0 ? i : static_cast<size_t>(values[0]);
    result->sample_losses.at(place) = values[1];
    result->sample_times.at(place) = values[2];
  }
}

std::vector<int64_t> sizes_of(const optim::FlatGradients& gradients) {
  std::vector<int64_t> sizes;
  for (const at::Tensor& view : gradients.views()) sizes.push_back(view.numel());
  return sizes;
}

}  // namespace

// While one of these lives, the sums over ranks begin where backward has filled the buffer.
class TrainStep::Overlap {
 public:
  explicit Overlap(TrainStep& step) : gradients_(step.parts_.gradients) {
    step.reducer_.begin(gradients_.buffer());
    gradients_.set_leaf_done([&reducer = step.reducer_](size_t leaf) { reducer.leaf_done(leaf); });
  }
  ~Overlap() { gradients_.set_leaf_done({}); }
  Overlap(const Overlap&) = delete;
  Overlap& operator=(const Overlap&) = delete;

 private:
  optim::FlatGradients& gradients_;
};

TrainStep::TrainStep(const Parts& parts)
    : parts_(parts), reducer_(parts.group, sizes_of(parts.gradients)) {
  if (parts_.recorder != nullptr) graphed_.emplace(*parts_.recorder);
}

std::vector<at::Tensor> TrainStep::targets_of(const TrainMicroBatch& batch) const {
  const at::Device device = parts_.transformer.device();
  std::vector<at::Tensor> targets;
  TrainMicroBatch regularised;
  for (const TrainSample& sample : batch) {
    targets.push_back(nn::upload(sample.target_CHW, device));
    if (sample.regularisation) regularised.push_back(sample);
  }
  if (regularised.empty()) return targets;

  TORCH_CHECK(parts_.adapters != nullptr,
              "regularisation data need an adapter that can be switched off");
  const util::Span span("targets without adapter");
  const at::NoGradGuard no_grad;
  const adapter::MultiplierScope off(parts_.adapters, 0.0);
  const auto untouched = parts_.transformer.forward(inputs_of(regularised, device));
  size_t next = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].regularisation) targets[i] = untouched[next++];
  }
  return targets;
}

PassInputs TrainStep::prepared(const TrainMicroBatch& batch, double global_batch) const {
  const at::Device device = parts_.transformer.device();
  PassInputs inputs{inputs_of(batch, device), {}, targets_of(batch), {}, global_batch};
  inputs.features = parts_.transformer.upload(inputs.batch);
  for (const TrainSample& sample : batch) {
    const at::Tensor& weights = sample.weights_HW;
    inputs.weights_HW.push_back(weights.defined() ? nn::upload(weights, device) : weights);
  }
  return inputs;
}

at::Tensor TrainStep::pass(const PassInputs& inputs) const {
  const std::vector<at::Tensor> predictions = [&] {
    const util::Span span("forward");
    return parts_.transformer.forward(inputs.batch, inputs.features);
  }();
  const at::Tensor losses = losses_of(inputs, predictions);
  const util::Span span("backward");
  torch::autograd::backward({losses.sum() / inputs.global_batch}, {});
  return losses.detach();
}

at::Tensor TrainStep::accumulate(const TrainMicroBatch& batch, double global_batch) {
  const PassInputs inputs = prepared(batch, global_batch);
  if (parts_.adapters != nullptr && parts_.adapters->draws()) {
    // Until backward is done: it may compute a block once more.
    const Drawing drawing(*parts_.adapters,
                          rows_of(batch, parts_.transformer.config(), inputs.batch));
    return pass(inputs);
  }
  if (!graphed_) return pass(inputs);
  return graphed_->run(inputs, [this](const PassInputs& given) { return pass(given); });
}

void TrainStep::update(double learning_rate, int64_t step) {
  const auto averages = parts_.ema != nullptr ? parts_.ema->due(step) : std::nullopt;
  if (averages) {
    parts_.optimizer.step_and_average(learning_rate, *averages);
  } else {
    parts_.optimizer.step(learning_rate);
  }
}

StepResult TrainStep::run(const std::vector<TrainMicroBatch>& micro_batches, double learning_rate,
                          const Place& place) {
  StepResult result;
  util::Stopwatch watch;
  int64_t local_samples = 0;
  for (const TrainMicroBatch& batch : micro_batches) local_samples += std::ssize(batch);
  const int64_t num_samples = place.global_batch.value_or(local_samples * parts_.group.size());

  parts_.gradients.zero();
  std::vector<at::Tensor> losses;
  losses.reserve(micro_batches.size());
  // What is recorded must not start sums.
  const bool overlaps = !micro_batches.empty() && !graphed_;
  if (!overlaps) reducer_.begin(parts_.gradients.buffer());
  for (size_t i = 0; i < micro_batches.size(); ++i) {
    std::optional<Overlap> overlap;
    if (overlaps && i + 1 == micro_batches.size()) overlap.emplace(*this);
    losses.push_back(accumulate(micro_batches[i], static_cast<double>(num_samples)));
  }
  const std::vector<double> local = facts_of(micro_batches, losses);
  result.compute_s = watch.lap_s();

  const std::vector<double> all = [&] {
    const util::Span span("communication");
    reducer_.finish();
    return gather(parts_.group, local);
  }();
  put_in_order(all, num_samples, &result);
  result.loss = std::accumulate(result.sample_losses.begin(), result.sample_losses.end(), 0.0) /
                static_cast<double>(result.sample_losses.size());
  result.reduce_s = watch.lap_s();

  const util::Span span("optimizer");
  // Both numbers are the same on every rank, so every rank decides alike.
  result.gradient = optim::clip_gradients(parts_.gradients.buffer(), parts_.clip);
  result.finite = std::isfinite(result.loss) && std::isfinite(result.gradient);
  if (result.finite) update(learning_rate, place.step);
  result.update_s = watch.lap_s();
  return result;
}

}  // namespace omnigen::train
