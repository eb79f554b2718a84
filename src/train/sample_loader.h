// Records -> training samples: latent, noise, timestep and prompt of one draw.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/epoch_order.h"
#include "data/loss_mask.h"
#include "model/packed_sample.h"
#include "train/sample_cost.h"

namespace omnigen::train {

struct TrainSample {
  data::SampleRef ref;
  model::PackedSample input;    // x_t, t, prompt ids
  at::Tensor target_CHW;        // x1 - x0
  at::Tensor weights_HW;        // of the squared error; undefined: all 1
  bool regularisation = false;  // the untouched model's prediction replaces the target
  int64_t place = -1;           // in the global batch; -1: after those before it
  uint64_t adapter_key = 0;     // of what the adapter draws for this sample: dropout
};

using TrainMicroBatch = std::vector<TrainSample>;

struct LoaderSet {
  data::TrainSet set;
  bool regularisation = false;
  std::shared_ptr<const data::MaskSet> masks = nullptr;
};

struct LoaderOptions {
  uint64_t seed = 0;
  double caption_dropout_probability = 0.0;
  std::vector<int64_t> dropped_prompt_ids;  // the prompt of a dropped caption
  double masked_loss_probability = 1.0;     // of a sample that has a mask
  bool masked_loss_normalise = false;       // weights of mean 1
  double unmasked_weight = 0.0;             // least weight
};

// Every draw is keyed by (seed, purpose, data set id, relative path, draw number), so that a sample
// is the same at any number of ranks and after any resume. Thread-safe.
class SampleLoader {
 public:
  SampleLoader(std::vector<LoaderSet> sets, LoaderOptions options);

  // Errors: DataError of the data set.
  [[nodiscard]] TrainSample load(const data::SampleRef& ref) const;
  [[nodiscard]] TrainMicroBatch load(const std::vector<data::SampleRef>& refs) const;
  // Of the sample that load() gives, from the cache's index and token ids alone.
  [[nodiscard]] SampleSize size(const data::SampleRef& ref) const;
  // "data set id/relative path", for messages and ledgers.
  [[nodiscard]] std::string name(const data::SampleRef& ref) const;
  [[nodiscard]] const std::vector<LoaderSet>& sets() const { return sets_; }

 private:
  // What follows names a record by its draw: `ref.record` is the one that was really drawn.
  [[nodiscard]] std::vector<int64_t> prompt_ids(const data::SampleRef& ref) const;
  [[nodiscard]] at::Tensor loss_weights(const data::SampleRef& ref,
                                        const data::DrawnRecord& drawn) const;

  std::vector<LoaderSet> sets_;
  LoaderOptions options_;
};

}  // namespace omnigen::train
