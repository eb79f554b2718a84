// Passes of micro-batches of equal sizes, recorded once and replayed: on a GPU that is quicker than
// its host, launching kernels one by one takes longer than running them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "comm/recorder.h"
#include "train/pass_inputs.h"

namespace omnigen::train {

class GraphedPasses {
 public:
  static constexpr int64_t kEager = 2;    // passes of the same sizes before one is recorded
  static constexpr int64_t kMost = 1024;  // recordings

  explicit GraphedPasses(comm::Recorder& recorder) : recorder_(recorder) {}

  // `pass(inputs)`, or what was recorded of it for inputs of the same sizes. It must be the same
  // pass at every call, and what it writes besides its result must stay where it is. Shapes: one
  // loss a sample. What cannot be recorded runs as it is from then on; the log says why, once.
  using Pass = std::function<at::Tensor(const PassInputs& inputs)>;
  at::Tensor run(const PassInputs& inputs, const Pass& pass);

  [[nodiscard]] int64_t num_recorded() const { return num_recorded_; }

 private:
  struct Recorded {
    int64_t seen = 0;
    PassInputs inputs;  // read by every replay
    at::Tensor losses;  // written by every replay
    std::unique_ptr<comm::Recording> recording;
  };

  at::Tensor run_as_it_is(const PassInputs& inputs, const Pass& pass);
  bool record(Recorded& entry, const PassInputs& inputs, const Pass& pass);

  comm::Recorder& recorder_;
  bool gave_up_ = false;
  int64_t num_recorded_ = 0;
  std::map<std::string, Recorded> by_sizes_;
};

}  // namespace omnigen::train
