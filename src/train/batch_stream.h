// This rank's micro-batches of every global batch, loaded ahead in a thread of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/cursor.h"
#include "data/epoch_order.h"
#include "data/prefetch.h"
#include "data/share_out.h"
#include "train/sample_loader.h"

namespace omnigen::train {

struct LoadedBatch {
  std::vector<data::SampleRef> samples;        // the whole global batch, on every rank
  std::vector<TrainMicroBatch> micro_batches;  // this rank's part
  data::Cursor cursor;  // position after this batch: what a checkpoint stores
};

class BatchStream {
 public:
  struct Source {
    std::shared_ptr<const SampleLoader> loader;
    SampleCost cost;   // by which samples of different sizes are shared out
    bool pin = false;  // into memory that a GPU copies from beside the host's work
  };
  // `depth` global batches are loaded ahead. Only what next() has returned counts as drawn.
  BatchStream(Source source, uint64_t seed, data::BatchShape shape, int64_t rank,
              const data::Cursor& start, size_t depth);

  // Errors: DataError of the data set.
  LoadedBatch next() { return prefetch_.next(); }

 private:
  LoadedBatch produce();
  [[nodiscard]] std::vector<double> costs_of(const std::vector<data::SampleRef>& samples) const;
  // Nothing where micro-batches are not filled by tokens.
  [[nodiscard]] std::vector<double> tokens_of(const std::vector<data::SampleRef>& samples) const;

  Source source_;
  data::BatchShape shape_;
  int64_t rank_;
  data::SampleStream stream_;
  data::Prefetch<LoadedBatch> prefetch_;
};

}  // namespace omnigen::train
