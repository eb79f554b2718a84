// nn/gemm.h and gemm_tokens.h where there are no kernels: what no caller reaches, since is_fast()
// is false.
#include "nn/gemm.h"
#include "nn/gemm_tokens.h"

#if !defined(__x86_64__)

namespace omnigen::nn::gemm {
namespace {

[[noreturn]] void refuse() {
  TORCH_CHECK(false, "gemm: not on this processor");
}

}  // namespace

void set_enabled(bool /*on*/) {}

bool is_fast(at::ScalarType /*dtype*/) {
  return false;
}
template <class T>
Right pack(Rows<const T> /*b*/, int64_t /*k*/, int64_t /*n*/, uint32_t* /*words*/) {
  refuse();
}
template <class T>
Right pack_transposed(Rows<const T> /*b*/, int64_t /*k*/, int64_t /*n*/, uint32_t* /*words*/) {
  refuse();
}
template <class T>
Left<T> pack_left_transposed(Rows<const T> /*b*/, int64_t /*k*/, int64_t /*n*/, uint32_t*) {
  refuse();
}
template <class T>
void multiply(const Left<T>& /*a*/, int64_t /*m*/, const Right& /*b*/, Rows<float>, Into,
              const Ahead& /*ahead*/) {
  refuse();
}
template <class T>
void multiply_to(const Left<T>& /*a*/, int64_t /*m*/, const Right& /*b*/, Rows<float> /*c*/,
                 const Output<T>& /*out*/, const Ahead& /*ahead*/) {
  refuse();
}
template <class T>
void multiply_tokens(const Left<T>& /*a*/, int64_t /*m*/, const TokenRows<T>& /*x*/,
                     const Output<T>& /*out*/, uint32_t* /*words*/) {
  refuse();
}
template <class T>
void add_token_products(const TokenRows<T>& /*y*/, const TokenRows<T>& /*x*/, Rows<float>) {
  refuse();
}
template <class T>
void store(Rows<const float> /*c*/, int64_t /*m*/, int64_t /*n*/, Rows<T> /*out*/, Into) {
  refuse();
}

template Right pack(Rows<const float>, int64_t, int64_t, uint32_t*);
template Right pack(Rows<const at::BFloat16>, int64_t, int64_t, uint32_t*);
template Right pack_transposed(Rows<const float>, int64_t, int64_t, uint32_t*);
template Right pack_transposed(Rows<const at::BFloat16>, int64_t, int64_t, uint32_t*);
template Left<float> pack_left_transposed(Rows<const float>, int64_t, int64_t, uint32_t*);
template Left<at::BFloat16> pack_left_transposed(Rows<const at::BFloat16>, int64_t, int64_t,
                                                 uint32_t*);
template void multiply(const Left<float>&, int64_t, const Right&, Rows<float>, Into, const Ahead&);
template void multiply(const Left<at::BFloat16>&, int64_t, const Right&, Rows<float>, Into,
                       const Ahead&);
template void multiply_to(const Left<float>&, int64_t, const Right&, Rows<float>,
                          const Output<float>&, const Ahead&);
template void multiply_to(const Left<at::BFloat16>&, int64_t, const Right&, Rows<float>,
                          const Output<at::BFloat16>&, const Ahead&);
template void multiply_tokens(const Left<float>&, int64_t, const TokenRows<float>&,
                              const Output<float>&, uint32_t*);
template void multiply_tokens(const Left<at::BFloat16>&, int64_t, const TokenRows<at::BFloat16>&,
                              const Output<at::BFloat16>&, uint32_t*);
template void add_token_products(const TokenRows<float>&, const TokenRows<float>&, Rows<float>);
template void add_token_products(const TokenRows<at::BFloat16>&, const TokenRows<at::BFloat16>&,
                                 Rows<float>);
template void store(Rows<const float>, int64_t, int64_t, Rows<float>, Into);
template void store(Rows<const float>, int64_t, int64_t, Rows<at::BFloat16>, Into);

}  // namespace omnigen::nn::gemm

#endif
