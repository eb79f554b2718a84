#include "train/batch_stream.h"

namespace omnigen::train {
namespace {

std::vector<data::TrainSet> train_sets(const SampleLoader& loader) {
  std::vector<data::TrainSet> sets;
  for (const LoaderSet& set : loader.sets()) sets.push_back(set.set);
  return sets;
}

}  // namespace

BatchStream::BatchStream(std::shared_ptr<const SampleLoader> loader, uint64_t seed,
                         data::BatchShape shape, int64_t rank, const data::Cursor& start,
                         size_t depth)
    : loader_(std::move(loader)),
      shape_(shape),
      rank_(rank),
      stream_(train_sets(*loader_), seed, shape.global_batch(), start),
      prefetch_([this] { return produce(); }, depth) {}

LoadedBatch BatchStream::produce() {
  LoadedBatch batch;
  batch.samples = stream_.next_batch();
  for (const auto& refs : data::rank_slice(batch.samples, shape_, rank_)) {
    batch.micro_batches.push_back(loader_->load(refs));
  }
  batch.cursor = stream_.cursor();
  return batch;
}

}  // namespace omnigen::train
