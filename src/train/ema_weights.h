// The averaged weights, held by rank 0, in place of the live ones on every rank while something is
// measured.
#pragma once

#include <torch/types.h>

#include <vector>

#include "comm/process_group.h"
#include "optim/ema.h"
#include "optim/optimizer.h"

namespace omnigen::train {

class EmaWeights {
 public:
  // `ema` is null on ranks other than 0.
  EmaWeights(std::vector<optim::Parameter> parameters, const optim::Ema* ema,
             comm::ProcessGroup& group);

  // Live values are kept aside, bit for bit. Collective.
  void enter();
  void leave();

 private:
  std::vector<optim::Parameter> parameters_;
  const optim::Ema* ema_;
  comm::ProcessGroup& group_;
  std::vector<at::Tensor> live_;
};

}  // namespace omnigen::train
