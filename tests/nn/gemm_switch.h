// Runs a test with and without nn/gemm.h: what this processor does and what others do.
#pragma once

#include "nn/gemm.h"

namespace omnigen::test {

class GemmSwitch {
 public:
  explicit GemmSwitch(bool on) { nn::gemm::set_enabled(on); }
  ~GemmSwitch() { nn::gemm::set_enabled(true); }
  GemmSwitch(const GemmSwitch&) = delete;
  GemmSwitch& operator=(const GemmSwitch&) = delete;
};

}  // namespace omnigen::test
