#include "adapter/kronecker.h"

namespace omnigen::adapter {

std::pair<int64_t, int64_t> factorize(int64_t n, int64_t factor) {
  if (factor > 0 && n % factor == 0) {
    return std::minmax({factor, n / factor});
  }
  if (factor < 0) factor = n;
  int64_t small = 1;
  int64_t large = n;
  while (small < large) {
    int64_t next = small + 1;
    while (n % next != 0) ++next;
    if (next > factor) break;
    small = next;
    large = n / next;
  }
  return std::minmax({small, large});
}

at::Tensor kronecker_product(const at::Tensor& w1_AC, const at::Tensor& w2_BD) {
  return at::kron(w1_AC, w2_BD);
}

}  // namespace omnigen::adapter
