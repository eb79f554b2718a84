#include "train/batch_stream.h"

#include <algorithm>
#include <tuple>

namespace omnigen::train {
namespace {

std::vector<data::TrainSet> train_sets(const SampleLoader& loader) {
  std::vector<data::TrainSet> sets;
  for (const LoaderSet& set : loader.sets()) sets.push_back(set.set);
  return sets;
}

void pin(TrainSample& sample) {
  for (at::Tensor* tensor : {&sample.input.latent_CHW, &sample.target_CHW, &sample.weights_HW}) {
    if (tensor->defined()) *tensor = tensor->pin_memory();
  }
}

}  // namespace

BatchStream::BatchStream(Source source, uint64_t seed, data::BatchShape shape, int64_t rank,
                         const data::Cursor& start, size_t depth)
    : source_(std::move(source)),
      shape_(shape),
      rank_(rank),
      stream_(train_sets(*source_.loader), seed, shape.global_batch(), start),
      prefetch_([this] { return produce(); }, depth) {}

// Samples of one image size and kind count alike: their few words make no difference.
std::vector<double> BatchStream::costs_of(const std::vector<data::SampleRef>& samples) const {
  const auto set_of = [&](const data::SampleRef& ref) -> const LoaderSet& {
    return source_.loader->sets()[static_cast<size_t>(ref.dataset)];
  };
  const auto kind_of = [&](const data::SampleRef& ref) {
    const data::RecordMeta& meta = set_of(ref).set.dataset->meta(ref.record);
    return std::tuple(meta.target_width, meta.target_height, set_of(ref).regularisation);
  };
  std::vector<double> costs(samples.size(), 1.0);
  const bool alike = std::all_of(samples.begin(), samples.end(), [&](const data::SampleRef& ref) {
    return kind_of(ref) == kind_of(samples.front());
  });
  if (alike) return costs;
  for (size_t i = 0; i < samples.size(); ++i) {
    costs[i] =
        source_.cost.flop(source_.loader->size(samples[i]), set_of(samples[i]).regularisation);
  }
  return costs;
}

std::vector<double> BatchStream::tokens_of(const std::vector<data::SampleRef>& samples) const {
  std::vector<double> tokens;
  if (shape_.most_tokens == 0) return tokens;
  for (const data::SampleRef& ref : samples) {
    tokens.push_back(static_cast<double>(source_.cost.tokens(source_.loader->size(ref))));
  }
  return tokens;
}

LoadedBatch BatchStream::produce() {
  LoadedBatch batch;
  batch.samples = stream_.next_batch();
  const data::Shares shares =
      data::share_out(costs_of(batch.samples), shape_, tokens_of(batch.samples));
  for (const std::vector<int64_t>& places : shares.at(static_cast<size_t>(rank_))) {
    TrainMicroBatch micro_batch;
    for (const int64_t place : places) {
      micro_batch.push_back(source_.loader->load(batch.samples[static_cast<size_t>(place)]));
      micro_batch.back().place = place;
      if (source_.pin) pin(micro_batch.back());
    }
    batch.micro_batches.push_back(std::move(micro_batch));
  }
  batch.cursor = stream_.cursor();
  return batch;
}

}  // namespace omnigen::train
