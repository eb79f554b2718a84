// Another strength of a model's adapters for a while: 0 is the untouched model.
#pragma once

#include "adapter/adapter_set.h"

namespace omnigen::adapter {

// While it lives the adapters have `multiplier`; then they have the one before again.
class MultiplierScope {
 public:
  // `adapters` null: nothing happens.
  MultiplierScope(AdapterSet* adapters, double multiplier) : adapters_(adapters) {
    if (adapters_ == nullptr) return;
    before_ = adapters_->multiplier();
    adapters_->set_multiplier(multiplier);
  }
  ~MultiplierScope() {
    if (adapters_ != nullptr) adapters_->set_multiplier(before_);
  }
  MultiplierScope(const MultiplierScope&) = delete;
  MultiplierScope& operator=(const MultiplierScope&) = delete;

 private:
  AdapterSet* adapters_;
  double before_ = 1.0;
};

}  // namespace omnigen::adapter
