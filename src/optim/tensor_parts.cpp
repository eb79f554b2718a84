#include "optim/tensor_parts.h"

#include <algorithm>

#include "nn/parallel.h"

namespace omnigen::optim {
namespace {

constexpr int64_t kPartElements = 1 << 14;

struct Part {
  size_t tensor;
  int64_t begin;
};

}  // namespace

void for_each_part(const std::vector<int64_t>& sizes,
                   const std::function<void(size_t tensor, int64_t begin, int64_t end)>& work) {
  std::vector<Part> parts;
  for (size_t i = 0; i < sizes.size(); ++i) {
    for (int64_t begin = 0; begin < sizes[i]; begin += kPartElements) parts.push_back({i, begin});
  }
  nn::parallel_for(std::ssize(parts), 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      const auto& [tensor, begin] = parts[static_cast<size_t>(p)];
      work(tensor, begin, std::min(begin + kPartElements, sizes[tensor]));
    }
  });
}

}  // namespace omnigen::optim
