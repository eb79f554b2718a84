#include "train/batch_stream.h"

#include <gtest/gtest.h>

#include "support/memory_dataset.h"
#include "support/tensor_near.h"

namespace omnigen::train {
namespace {

constexpr uint64_t kSeed = 42;

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
  return {make_stream_loader(), kSeed, shape, rank, start, 2};
}

// Equal global batch: the ranks' parts, in rank order, are the one rank's batch, noise and time
// included.
TEST(BatchStream, IsTheSameRunAtAnyNumberOfRanks) {
  for (const auto& [world, accumulation] : {std::pair{2, 6}, {3, 4}, {4, 3}}) {
    auto alone = make_stream({1, 12, 1}, 0);
    std::vector<std::unique_ptr<BatchStream>> ranks;
    for (int64_t rank = 0; rank < world; ++rank) {
      ranks.push_back(std::make_unique<BatchStream>(make_stream_loader(), kSeed,
                                                    data::BatchShape{1, accumulation, world}, rank,
                                                    data::Cursor{}, 2));
    }
    for (int step = 0; step < 5; ++step) {
      const LoadedBatch expected = alone.next();
      size_t next = 0;
      for (auto& stream : ranks) {
        const LoadedBatch part = stream->next();
        EXPECT_EQ(part.samples, expected.samples);
        for (const TrainMicroBatch& micro : part.micro_batches) {
          const TrainSample& reference = expected.micro_batches.at(next++).at(0);
          EXPECT_EQ(micro.at(0).ref, reference.ref);
          EXPECT_EQ(micro.at(0).input.timestep, reference.input.timestep);
          EXPECT_TENSOR_EQ(micro.at(0).target_CHW, reference.target_CHW);
        }
      }
    }
  }
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
