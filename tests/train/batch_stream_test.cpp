#include "train/batch_stream.h"

#include <gtest/gtest.h>

#include <set>

#include "support/memory_dataset.h"
#include "support/tensor_near.h"

namespace omnigen::train {
namespace {

constexpr uint64_t kSeed = 42;
const SampleCost kCost(model::TransformerConfig{}, false);

std::shared_ptr<const SampleLoader> make_stream_loader() {
  auto set = std::make_shared<test::MemoryDataset>("set");
  for (int i = 0; i < 10; ++i) {
    const int64_t size = i % 2 == 0 ? 32 : 64;
    set->add(fmt::format("{}.png", i), size, size, at::full({4, size / 8, size / 8}, i));
  }
  return std::make_shared<SampleLoader>(std::vector<LoaderSet>{{{set, 1}, false}},
                                        LoaderOptions{kSeed, 0.0, {}});
}

BatchStream make_stream(const data::BatchShape& shape, int64_t rank,
                        const data::Cursor& start = {}) {
  return {{make_stream_loader(), kCost}, kSeed, shape, rank, start, 2};
}

// Equal global batch: the ranks' parts, put together, are the one rank's batch, noise and time
// included. The samples have two sizes, so that ranks get unequal numbers of them.
TEST(BatchStream, IsTheSameRunAtAnyNumberOfRanks) {
  for (const auto& [world, accumulation] : {std::pair{2, 6}, {3, 4}, {4, 3}}) {
    auto alone = make_stream({12, 1, 1}, 0);
    std::vector<std::unique_ptr<BatchStream>> ranks;
    for (int64_t rank = 0; rank < world; ++rank) {
      ranks.push_back(std::make_unique<BatchStream>(
          BatchStream::Source{make_stream_loader(), kCost}, kSeed,
          data::BatchShape{1, accumulation, world}, rank, data::Cursor{}, 2));
    }
    for (int step = 0; step < 5; ++step) {
      const LoadedBatch expected = alone.next();
      const TrainMicroBatch& all = expected.micro_batches.at(0);
      std::set<int64_t> seen;
      for (auto& stream : ranks) {
        const LoadedBatch part = stream->next();
        EXPECT_EQ(part.samples, expected.samples);
        for (const TrainMicroBatch& micro : part.micro_batches) {
          for (const TrainSample& sample : micro) {
            const TrainSample& reference = all.at(static_cast<size_t>(sample.place));
            EXPECT_EQ(reference.place, sample.place);
            EXPECT_EQ(sample.ref, reference.ref);
            EXPECT_EQ(sample.input.timestep, reference.input.timestep);
            EXPECT_TENSOR_EQ(sample.target_CHW, reference.target_CHW);
            EXPECT_TRUE(seen.insert(sample.place).second);
          }
        }
      }
      EXPECT_EQ(seen.size(), 12U);
    }
  }
}

TEST(BatchStream, RanksHaveAsMuchToDoWhereSizesAreMixed) {
  std::vector<double> latents;
  for (int64_t rank = 0; rank < 2; ++rank) {
    auto stream = make_stream({5, 1, 2}, rank);
    const LoadedBatch batch = stream.next();
    double sum = 0.0;
    for (const TrainSample& sample : batch.micro_batches.at(0)) {
      sum += static_cast<double>(sample.target_CHW.numel());
    }
    latents.push_back(sum);
  }
  // Ten samples: five of each size, four times as large. In order one rank may have all of one.
  EXPECT_LT(std::max(latents[0], latents[1]) / std::min(latents[0], latents[1]), 1.35);
}

TEST(BatchStream, PrefetchedBatchesDoNotCountAsDrawn) {
  auto stream = make_stream({1, 4, 1}, 0);
  const LoadedBatch first = stream.next();
  EXPECT_EQ(first.cursor.samples_seen, 4);
  const LoadedBatch second = stream.next();
  auto resumed = make_stream({1, 4, 1}, 0, first.cursor);
  EXPECT_EQ(resumed.next().samples, second.samples);
}

}  // namespace
}  // namespace omnigen::train
