// The weights to save and to measure with, in place of the trained ones for as long as this lives.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

// Nothing is done for an optimizer whose trained weights are the ones to measure.
class EvaluationMode {
 public:
  explicit EvaluationMode(const Optimizer& optimizer);
  // The trained weights come back bit for bit.
  ~EvaluationMode();
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  std::vector<at::Tensor> leaves_;
  std::vector<at::Tensor> trained_;
};

}  // namespace omnigen::optim
