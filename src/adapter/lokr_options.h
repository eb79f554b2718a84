// Options of one LoKr adapter.
#pragma once

#include <cstdint>

namespace omnigen::adapter {

struct LokrOptions {
  int64_t linear_dim = 4;
  double linear_alpha = 1.0;  // 0: the rank
  int64_t factor = -1;
  bool full_matrix = false;
  bool decompose_both = false;
  bool unbalanced_factorization = false;
  bool rs_lora = false;
};

}  // namespace omnigen::adapter
