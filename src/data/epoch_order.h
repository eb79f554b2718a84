// The order in which an epoch's samples are trained: every sample exactly once, in runs of one
// size.
//
// The global batch E is the unit of training. An epoch is cut into runs of E samples of one size as
// far as each size lasts; what is left over fills mixed batches at keyed places, and the ends that
// meet the neighbouring epochs. Batch k is samples [kE, (k+1)E) of the endless stream of epochs, so
// that a batch may straddle two. Nothing is dropped and nothing is filled up.
#pragma once

#include <cstdint>
#include <vector>

#include "data/cursor.h"
#include "data/dataset.h"

namespace omnigen::data {

struct TrainSet {
  DatasetPtr dataset;
  int64_t repeats = 0;  // extra passes: every record is drawn repeats + 1 times an epoch
};

// One draw of one record.
struct SampleRef {
  int32_t dataset = 0;  // index among the training sets
  int64_t record = 0;
  uint64_t draw = 0;  // how often this record has been drawn before in the whole run
  bool operator==(const SampleRef&) const = default;
};

// The rest of epoch `cursor.epoch`, in order, under the last cut. A pure function of its arguments.
std::vector<SampleRef> epoch_order(const std::vector<TrainSet>& sets, uint64_t seed,
                                   const Cursor& cursor);

int64_t samples_per_epoch(const std::vector<TrainSet>& sets);

// Draws global batches from the endless stream of epochs.
class SampleStream {
 public:
  // Continues at `cursor`; a default cursor begins the run.
  // Errors: DataError if the sets hold no sample, or the cursor lies outside the epoch (other
  // data).
  SampleStream(std::vector<TrainSet> sets, uint64_t seed, int64_t global_batch, Cursor cursor = {});

  std::vector<SampleRef> next_batch();
  // Position after the batches drawn so far.
  [[nodiscard]] const Cursor& cursor() const { return cursor_; }

 private:
  void begin_epoch(int64_t open);

  std::vector<TrainSet> sets_;
  uint64_t seed_;
  int64_t global_batch_;
  Cursor cursor_;
  std::vector<SampleRef> order_;  // under the last cut
};

}  // namespace omnigen::data
