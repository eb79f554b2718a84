#include "optim/ema.h"

#include <algorithm>

#include "optim/average_rows.h"
#include "optim/state_tensors.h"

namespace omnigen::optim {

double ema_decay(int64_t step, const EmaOptions& options) {
  if (options.warmup_steps > 0) return step < options.warmup_steps ? 0.0 : options.decay;
  const auto n = static_cast<double>(std::max<int64_t>(0, step - 1));
  if (n <= 0) return 0.0;
  return std::max(0.0, std::min(options.decay, (1.0 + n) / (10.0 + n)));
}

Ema::Ema(const std::vector<Parameter>& parameters, const EmaOptions& options)
    : parameters_(parameters), options_(options) {
  for (const Parameter& parameter : parameters_) {
    shadows_.push_back(
        parameter.value.detach().to(at::kFloat, /*non_blocking=*/false, /*copy=*/true));
  }
}

std::optional<Averages> Ema::due(int64_t step) {
  if (step % options_.update_interval != 0) return std::nullopt;
  decay_ = ema_decay(step, options_);
  return Averages{shadows_, static_cast<float>(1.0 - decay_)};
}

void Ema::update(int64_t step) {
  const std::optional<Averages> averages = due(step);
  if (!averages) return;
  std::vector<at::Tensor> values;
  values.reserve(parameters_.size());
  for (const Parameter& parameter : parameters_) values.push_back(parameter.value.detach());
  follow(*averages, values);
}

std::map<std::string, at::Tensor> Ema::state_dict() const {
  std::map<std::string, at::Tensor> state;
  for (size_t i = 0; i < shadows_.size(); ++i) state[parameters_[i].name] = shadows_[i];
  return state;
}

void Ema::load_state_dict(const std::map<std::string, at::Tensor>& state) {
  std::map<std::string, at::Tensor> own = state_dict();
  copy_state(state, own, "EMA");
}

}  // namespace omnigen::optim
