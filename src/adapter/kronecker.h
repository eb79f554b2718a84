// Sizes and product of LoKr's factors: delta = W1 ⊗ W2, delta[i·b+k, j·d+l] = W1[i, j] · W2[k, l].
//
// Source: LyCORIS lycoris/functional/general.py (factorization), functional/lokr.py.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <utility>

namespace omnigen::adapter {

// n = first · second, first <= second. `factor` itself where it divides n, else the largest divisor
// up to it; negative: the most balanced pair.
std::pair<int64_t, int64_t> factorize(int64_t n, int64_t factor);

// The full product, for export and as a test oracle. Shapes: [a, c] ⊗ [b, d] -> [a·b, c·d].
at::Tensor kronecker_product(const at::Tensor& w1_AC, const at::Tensor& w2_BD);

}  // namespace omnigen::adapter
