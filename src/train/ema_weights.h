// The averaged weights, in place of the live ones on every rank while something is measured.
#pragma once

#include <torch/types.h>

#include <vector>

#include "comm/process_group.h"
#include "optim/ema.h"
#include "optim/optimizer.h"

namespace omnigen::train {

class EmaWeights {
 public:
  // `holders`: the rank that averages each of the parameters. `ema` has this rank's, in their
  // order; null on ranks that average none.
  EmaWeights(std::vector<optim::Parameter> parameters, std::vector<int> holders,
             const optim::Ema* ema, comm::ProcessGroup& group);

  // Live values are kept aside, bit for bit. Collective.
  void enter();
  void leave();

 private:
  std::vector<optim::Parameter> parameters_;
  std::vector<int> holders_;
  const optim::Ema* ema_;
  comm::ProcessGroup& group_;
  std::vector<at::Tensor> live_;
};

}  // namespace omnigen::train
