#include "data/epoch_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include "util/error.h"
#include "util/seed_stream.h"

namespace omnigen::data {
namespace {

using Samples = std::vector<SampleRef>;

Samples all_samples(const std::vector<TrainSet>& sets, int64_t epoch) {
  Samples samples;
  samples.reserve(static_cast<size_t>(samples_per_epoch(sets)));
  for (size_t set = 0; set < sets.size(); ++set) {
    const int64_t passes = sets[set].repeats + 1;
    for (int64_t record = 0; record < sets[set].dataset->size(); ++record) {
      for (int64_t pass = 0; pass < passes; ++pass) {
        samples.push_back(
            {static_cast<int32_t>(set), record, static_cast<uint64_t>(epoch * passes + pass)});
      }
    }
  }
  return samples;
}

util::SeedStream stream_for(uint64_t seed, const char* what, const std::string& bucket,
                            int64_t epoch, size_t cut) {
  return {seed, "epoch order", {what, bucket, std::to_string(cut)}, static_cast<uint64_t>(epoch)};
}

// Shuffled samples of each size, cut into runs of E; what is left over goes to `pool`.
std::vector<Samples> full_runs(const std::vector<TrainSet>& sets, const Samples& samples,
                               int64_t global_batch, int64_t epoch, size_t cut, uint64_t seed,
                               Samples& pool) {
  std::map<std::pair<int64_t, int64_t>, Samples> by_size;
  for (const SampleRef& sample : samples) {
    const RecordMeta& meta = sets[static_cast<size_t>(sample.dataset)].dataset->meta(sample.record);
    by_size[{meta.target_width, meta.target_height}].push_back(sample);
  }
  std::vector<Samples> runs;
  for (auto& [size, members] : by_size) {
    const std::string bucket = fmt::format("{}x{}", size.first, size.second);
    stream_for(seed, "bucket", bucket, epoch, cut).shuffle(std::span(members));
    auto begin = members.begin();
    for (; members.end() - begin >= global_batch; begin += global_batch) {
      runs.emplace_back(begin, begin + global_batch);
    }
    pool.insert(pool.end(), begin, members.end());
  }
  return runs;
}

// Orders `samples` under one cut: head (completes the open batch), runs and mixed batches shuffled,
// tail.
Samples order_samples(const std::vector<TrainSet>& sets, const Samples& samples, const Cut& cut,
                      int64_t epoch, size_t cut_index, uint64_t seed) {
  const auto total = static_cast<int64_t>(samples.size());
  const int64_t batch = cut.global_batch;
  const int64_t head = std::min(total, (batch - cut.open) % batch);
  const int64_t tail = (total - head) % batch;
  Samples pool;
  std::vector<Samples> runs = full_runs(sets, samples, batch, epoch, cut_index, seed, pool);
  stream_for(seed, "runs", "", epoch, cut_index).shuffle(std::span(runs));
  while (static_cast<int64_t>(pool.size()) < head + tail) {
    pool.insert(pool.end(), runs.back().begin(), runs.back().end());
    runs.pop_back();
  }
  stream_for(seed, "left over", "", epoch, cut_index).shuffle(std::span(pool));

  Samples order(pool.begin(), pool.begin() + head);
  auto next = pool.begin() + head;
  for (; pool.end() - next >= batch + tail; next += batch) runs.emplace_back(next, next + batch);
  stream_for(seed, "places", "", epoch, cut_index).shuffle(std::span(runs));
  for (const Samples& run : runs) order.insert(order.end(), run.begin(), run.end());
  order.insert(order.end(), next, pool.end());
  return order;
}

}  // namespace

int64_t samples_per_epoch(const std::vector<TrainSet>& sets) {
  int64_t total = 0;
  for (const TrainSet& set : sets) total += set.dataset->size() * (set.repeats + 1);
  return total;
}

std::vector<SampleRef> epoch_order(const std::vector<TrainSet>& sets, uint64_t seed,
                                   const Cursor& cursor) {
  Samples rest = all_samples(sets, cursor.epoch);
  for (size_t i = 0; i < cursor.cuts.size(); ++i) {
    const Cut& cut = cursor.cuts[i];
    rest = order_samples(sets, rest, cut, cursor.epoch, i, seed);
    if (i + 1 == cursor.cuts.size()) break;
    // What an earlier cut has drawn is gone; the rest is cut anew, from an order that no cut
    // decides.
    rest.erase(rest.begin(), rest.begin() + std::min<int64_t>(cut.taken, std::ssize(rest)));
    std::sort(rest.begin(), rest.end(), [](const SampleRef& a, const SampleRef& b) {
      return std::tie(a.dataset, a.record, a.draw) < std::tie(b.dataset, b.record, b.draw);
    });
  }
  return rest;
}

SampleStream::SampleStream(std::vector<TrainSet> sets, uint64_t seed, int64_t global_batch,
                           Cursor cursor)
    : sets_(std::move(sets)), seed_(seed), global_batch_(global_batch), cursor_(std::move(cursor)) {
  if (samples_per_epoch(sets_) == 0) {
    throw util::DataError("no training sample in any data set; add images or check the filters");
  }
  if (cursor_.taken_in_epoch() > samples_per_epoch(sets_)) {
    throw util::DataError(fmt::format(
        "the saved position is sample {} of an epoch, the data sets now have {} samples an epoch; "
        "restore the data or start in another output_dir",
        cursor_.taken_in_epoch(), samples_per_epoch(sets_)));
  }
  if (cursor_.cuts.empty()) {
    cursor_.cuts = {{global_batch_, 0, 0}};
  } else if (cursor_.cuts.back().global_batch != global_batch_) {
    cursor_.cuts.push_back({global_batch_, 0, 0});
  }
  order_ = epoch_order(sets_, seed_, cursor_);
}

void SampleStream::begin_epoch(int64_t open) {
  ++cursor_.epoch;
  cursor_.cuts = {{global_batch_, open, 0}};
  order_ = epoch_order(sets_, seed_, cursor_);
}

std::vector<SampleRef> SampleStream::next_batch() {
  std::vector<SampleRef> batch;
  batch.reserve(static_cast<size_t>(global_batch_));
  while (std::ssize(batch) < global_batch_) {
    Cut& cut = cursor_.cuts.back();
    if (cut.taken == std::ssize(order_)) {
      begin_epoch(std::ssize(batch));
      continue;
    }
    const int64_t count =
        std::min(global_batch_ - std::ssize(batch), std::ssize(order_) - cut.taken);
    const auto begin = order_.begin() + cut.taken;
    batch.insert(batch.end(), begin, begin + count);
    cut.taken += count;
    cursor_.samples_seen += count;
  }
  return batch;
}

}  // namespace omnigen::data
