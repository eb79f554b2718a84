#include "train/graphed_passes.h"

#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

// Counts what it is asked for; can refuse.
class CountingRecorder : public comm::Recorder {
 public:
  void run(const std::function<void()>& work) override {
    ++runs;
    work();
  }
  std::unique_ptr<comm::Recording> record(std::function<void()> work) override {
    if (refuses) TORCH_CHECK(false, "not while recording");
    ++records;
    return host_->record(std::move(work));
  }

  int64_t runs = 0;
  int64_t records = 0;
  bool refuses = false;

 private:
  std::unique_ptr<comm::Recorder> host_ = comm::make_recorder(at::kCPU);
};

PassInputs inputs_with(double value, int64_t num_ids = 3, int64_t side = 4) {
  PassInputs inputs;
  model::PackedSample sample;
  sample.latent_CHW = at::full({4, side, side}, value);
  sample.input_ids.assign(static_cast<size_t>(num_ids), 1);
  inputs.batch.push_back(sample);
  inputs.features = {at::ones({num_ids}, at::kLong), at::ones({1, 8})};
  inputs.targets.push_back(at::zeros({4, side, side}));
  inputs.weights_HW.emplace_back();
  return inputs;
}

at::Tensor mean_of(const PassInputs& inputs) {
  return inputs.batch[0].latent_CHW.mean().unsqueeze(0);
}

TEST(GraphedPasses, AreRecordedOnceForEverySize) {
  CountingRecorder recorder;
  GraphedPasses passes(recorder);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(passes.run(inputs_with(i), mean_of).item<double>(), i);
    EXPECT_EQ(passes.run(inputs_with(-i, 4), mean_of).item<double>(), -i);
    EXPECT_EQ(passes.run(inputs_with(2 * i, 3, 6), mean_of).item<double>(), 2 * i);
  }
  EXPECT_EQ(recorder.records, 3);
  EXPECT_EQ(passes.num_recorded(), 3);
  EXPECT_EQ(recorder.runs, 3 * GraphedPasses::kEager);
}

TEST(GraphedPasses, AResultIsTheCallersOwn) {
  CountingRecorder recorder;
  GraphedPasses passes(recorder);
  for (int i = 0; i < 3; ++i) passes.run(inputs_with(i), mean_of);
  const at::Tensor first = passes.run(inputs_with(5), mean_of);
  passes.run(inputs_with(6), mean_of);
  EXPECT_EQ(first.item<double>(), 5);
}

TEST(GraphedPasses, WhatCannotBeRecordedRunsAsItIs) {
  CountingRecorder recorder;
  recorder.refuses = true;
  GraphedPasses passes(recorder);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(passes.run(inputs_with(i), mean_of).item<double>(), i);
  }
  EXPECT_EQ(passes.num_recorded(), 0);
  EXPECT_EQ(recorder.runs, 6);
}

TEST(GraphedPasses, TellsWeightedLossesFromPlainOnes) {
  PassInputs weighted = inputs_with(1);
  weighted.weights_HW[0] = at::ones({4, 4});
  EXPECT_NE(sizes_key(weighted), sizes_key(inputs_with(1)));
  EXPECT_EQ(sizes_key(inputs_with(1)), sizes_key(inputs_with(2)));
}

}  // namespace
}  // namespace omnigen::train
