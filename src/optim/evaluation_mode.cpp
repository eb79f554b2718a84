#include "optim/evaluation_mode.h"

namespace omnigen::optim {

EvaluationMode::EvaluationMode(const Optimizer& optimizer) {
  const at::NoGradGuard no_grad;
  for (const at::Tensor& weights : optimizer.evaluation_weights()) {
    leaves_.push_back(optimizer.parameters()[leaves_.size()].value.detach());
    trained_.push_back(leaves_.back().clone());
    leaves_.back().copy_(weights);
  }
}

EvaluationMode::~EvaluationMode() {
  for (size_t i = 0; i < leaves_.size(); ++i) leaves_[i].copy_(trained_[i]);
}

}  // namespace omnigen::optim
