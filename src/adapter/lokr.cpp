#include "adapter/lokr.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "adapter/kron_linear.h"
#include "adapter/kronecker.h"
#include "util/seed_stream.h"

namespace omnigen::adapter {
namespace {

// U(−1/√n, 1/√n), n columns: Kaiming-uniform with a = √5.
at::Tensor uniform_factor(const std::vector<int64_t>& shape, util::SeedStream& stream) {
  at::Tensor factor = at::empty(shape, at::kFloat);
  const double bound = 1.0 / std::sqrt(static_cast<double>(shape[1]));
  float* values = factor.data_ptr<float>();
  for (int64_t i = 0; i < factor.numel(); ++i) {
    values[i] = static_cast<float>((2.0 * stream.uniform() - 1.0) * bound);
  }
  return factor;
}

}  // namespace

std::vector<std::pair<std::string, std::vector<int64_t>>> LokrShape::factors() const {
  std::vector<std::pair<std::string, std::vector<int64_t>>> list;
  if (low_rank_w1) {
    list.push_back({"lokr_w1_a", {a, rank}});
    list.push_back({"lokr_w1_b", {rank, c}});
  } else {
    list.push_back({"lokr_w1", {a, c}});
  }
  if (low_rank_w2) {
    list.push_back({"lokr_w2_a", {b, rank}});
    list.push_back({"lokr_w2_b", {rank, d}});
  } else {
    list.push_back({"lokr_w2", {b, d}});
  }
  return list;
}

int64_t LokrShape::num_parameters() const {
  int64_t total = 0;
  for (const auto& [name, shape] : factors()) total += shape[0] * shape[1];
  return total;
}

LokrShape lokr_shape(int64_t out_features, int64_t in_features, const LokrOptions& options) {
  LokrShape shape;
  std::tie(shape.a, shape.b) = factorize(out_features, options.factor);
  std::tie(shape.c, shape.d) = factorize(in_features, options.factor);
  if (options.unbalanced_factorization) std::swap(shape.a, shape.b);
  shape.rank = options.linear_dim;
  const auto rank = static_cast<double>(shape.rank);
  const auto half = [](int64_t x, int64_t y) { return static_cast<double>(std::max(x, y)) / 2.0; };
  shape.low_rank_w1 =
      options.decompose_both && !options.full_matrix && rank < half(shape.a, shape.c);
  shape.low_rank_w2 = !options.full_matrix && rank < half(shape.b, shape.d);
  double alpha = options.linear_alpha == 0 ? rank : options.linear_alpha;
  if (!shape.low_rank_w1 && !shape.low_rank_w2) alpha = rank;
  const double divisor = options.rs_lora ? std::sqrt(rank) : rank;
  shape.scale = alpha / divisor;
  shape.alpha = alpha * (rank / divisor);
  return shape;
}

LokrFactors::LokrFactors(const LokrShape& shape, const std::string& name, uint64_t seed,
                         at::Device device)
    : shape_(shape) {
  util::SeedStream stream(seed, "adapter", {name});
  for (const auto& [factor_name, sizes] : shape_.factors()) {
    // The side that makes delta zero: W2 itself, or its right factor.
    const bool zero = factor_name == "lokr_w2" || factor_name == "lokr_w2_b";
    at::Tensor factor = zero ? at::zeros(sizes, at::kFloat) : uniform_factor(sizes, stream);
    factors_.emplace_back(factor_name, factor.to(device).set_requires_grad(true));
  }
}

const at::Tensor& LokrFactors::factor(const std::string& name) const {
  for (const auto& [factor_name, value] : factors_) {
    if (factor_name == name) return value;
  }
  TORCH_CHECK(false, "LoKr: no factor ", name);
}

at::Tensor LokrFactors::w1() const {
  return shape_.low_rank_w1 ? at::mm(factor("lokr_w1_a"), factor("lokr_w1_b")) : factor("lokr_w1");
}

at::Tensor LokrFactors::add_to(const at::Tensor& base_out, const at::Tensor& x) {
  if (multiplier_ == 0.0) return base_out;
  KronFactors factors{w1(), at::Tensor(), at::Tensor()};
  if (shape_.low_rank_w2) {
    factors.before_PD = factor("lokr_w2_b");
    factors.after_BP = factor("lokr_w2_a");
  } else if (mixes_first(shape_.a, shape_.b, shape_.c, shape_.d)) {
    factors.after_BP = factor("lokr_w2");
  } else {
    factors.before_PD = factor("lokr_w2");
  }
  return add_kron_linear(base_out, x, factors, multiplier_ * shape_.scale);
}

at::Tensor LokrFactors::delta_weight() const {
  const at::NoGradGuard no_grad;
  const at::Tensor w2 =
      shape_.low_rank_w2 ? at::mm(factor("lokr_w2_a"), factor("lokr_w2_b")) : factor("lokr_w2");
  return kronecker_product(w1(), w2).mul_(shape_.scale);
}

}  // namespace omnigen::adapter
