#include "nn/parallel.h"

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

namespace omnigen::nn {

void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& work) {
  if (count <= 0) return;
  if (count <= grain || at::get_num_threads() == 1 || at::in_parallel_region()) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    work(0, count);
    return;
  }
  // An element-wise iteration over `count` bytes borrows libtorch's OpenMP threads: a second OpenMP
  // run-time linked into this program would fight with them over the cores.
  const at::Tensor items = at::empty({count}, at::kByte);
  const char* base = static_cast<const char*>(items.data_ptr());
  at::TensorIterator iterator = at::TensorIteratorConfig()
                                    .set_check_mem_overlap(false)
                                    .add_output(items)
                                    .add_const_input(items)
                                    .build();
  iterator.for_each(
      [&](char** data, const int64_t* strides, int64_t size, int64_t outer) {
        const at::AutoDispatchBelowADInplaceOrView below_autograd;
        for (int64_t i = 0; i < outer; ++i) {
          const int64_t begin = data[0] + i * strides[1] - base;
          work(begin, begin + size);
        }
      },
      grain);
}

bool has_row_kernels(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

void require_first_order(const char* kernel) {
  TORCH_CHECK(!at::GradMode::is_enabled(), kernel,
              ": its backward pass cannot be differentiated (create_graph is not supported)");
}

}  // namespace omnigen::nn
