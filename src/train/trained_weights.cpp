#include "train/trained_weights.h"

namespace omnigen::train {

int64_t TrainedWeights::num_parameters() const {
  int64_t total = 0;
  for (const optim::Parameter& parameter : parameters_) total += parameter.value.numel();
  return total;
}

void TrainedWeights::set_parameters(std::vector<optim::Parameter> parameters) {
  parameters_ = std::move(parameters);
  gradients_ = std::make_unique<optim::FlatGradients>(parameters_);
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].gradient = gradients_->views()[i];
}

}  // namespace omnigen::train
