#include "comm/gradient_reducer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "util/error.h"
#include "util/stopwatch.h"

namespace omnigen::comm {

void GradientReducer::check_sizes(int64_t num_elements) {
  const auto sizes = group_.all_gather_bytes(std::to_string(num_elements));
  std::vector<std::string> differing;
  for (size_t rank = 0; rank < sizes.size(); ++rank) {
    if (sizes[rank] != sizes[0]) differing.push_back(fmt::format("rank {}: {}", rank, sizes[rank]));
  }
  if (!differing.empty()) {
    throw util::CommError(
        fmt::format("gradients differ in size: rank 0 trains {} parameters, {}. Every rank must "
                    "attach the same "
                    "adapter; compare the configuration and build of the ranks",
                    sizes[0], fmt::join(differing, ", ")));
  }
  num_elements_ = num_elements;
}

void GradientReducer::reduce(at::Tensor& flat_gradients) {
  TORCH_CHECK(flat_gradients.dim() == 1 && flat_gradients.scalar_type() == at::kFloat,
              "gradients are one flat float32 buffer, not ", flat_gradients.scalar_type(), " of ",
              flat_gradients.sizes());
  if (num_elements_ < 0) check_sizes(flat_gradients.numel());
  TORCH_CHECK(flat_gradients.numel() == num_elements_, "gradient buffer had ", num_elements_,
              " elements, now ", flat_gradients.numel());
  const util::Stopwatch watch;
  group_.all_reduce_sum(flat_gradients);
  last_s_ = watch.elapsed_s();
  ++num_steps_;
}

}  // namespace omnigen::comm
