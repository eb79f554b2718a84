#include "adapter/lokr.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "adapter/kronecker.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

at::Tensor matrix_or_none(const Tensors& factors, const std::string& name) {
  const auto found = factors.find(name);
  return found == factors.end() || found->second.dim() != 2 ? at::Tensor() : found->second;
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
  if (shape.both_full()) alpha = rank;
  const double divisor = options.rs_lora ? std::sqrt(rank) : rank;
  shape.scale = alpha / divisor;
  shape.alpha = alpha * (rank / divisor);
  return shape;
}

LokrShape lokr_shape_of(const Tensors& factors, const std::string& where) {
  const at::Tensor w1 = matrix_or_none(factors, "lokr_w1");
  const at::Tensor w1_a = matrix_or_none(factors, "lokr_w1_a");
  const at::Tensor w1_b = matrix_or_none(factors, "lokr_w1_b");
  const at::Tensor w2 = matrix_or_none(factors, "lokr_w2");
  const at::Tensor w2_a = matrix_or_none(factors, "lokr_w2_a");
  const at::Tensor w2_b = matrix_or_none(factors, "lokr_w2_b");
  if (!(w1.defined() || (w1_a.defined() && w1_b.defined())) ||
      !(w2.defined() || (w2_a.defined() && w2_b.defined()))) {
    std::vector<std::string> names;
    for (const auto& [name, value] : factors) names.push_back(name);
    throw util::DataError(fmt::format(
        "{}: not a LoKr module of a linear layer: it has {}, expected lokr_w1 or lokr_w1_a and _b, "
        "lokr_w2 or lokr_w2_a and _b, each a matrix",
        where, fmt::join(names, ", ")));
  }
  LokrShape shape;
  shape.low_rank_w1 = !w1.defined();
  shape.low_rank_w2 = !w2.defined();
  shape.a = w1.defined() ? w1.size(0) : w1_a.size(0);
  shape.c = w1.defined() ? w1.size(1) : w1_b.size(1);
  shape.b = w2.defined() ? w2.size(0) : w2_a.size(0);
  shape.d = w2.defined() ? w2.size(1) : w2_b.size(1);
  shape.rank = shape.low_rank_w1 ? w1_a.size(1) : shape.low_rank_w2 ? w2_a.size(1) : 1;
  const auto alpha = factors.find("alpha");
  if (alpha != factors.end() && !shape.both_full()) {
    shape.scale = alpha->second.to(at::kDouble).item<double>() / static_cast<double>(shape.rank);
  }
  shape.alpha = shape.scale * static_cast<double>(shape.rank);
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
    add_factor(factor_name, factor, device);
  }
}

double LokrFactors::scale_of(double saved_alpha) const {
  return shape_.both_full() ? shape_.scale : saved_alpha / static_cast<double>(shape_.rank);
}

at::Tensor LokrFactors::w1() const {
  return shape_.low_rank_w1 ? at::mm(factor("lokr_w1_a"), factor("lokr_w1_b")) : factor("lokr_w1");
}

std::vector<at::Tensor> LokrFactors::leaves() const {
  std::vector<at::Tensor> values;
  for (const auto& [name, value] : factors()) values.push_back(value);
  return values;
}

KronFactors LokrFactors::kron_factors() const {
  KronFactors factors{w1(), at::Tensor(), at::Tensor()};
  if (shape_.low_rank_w2) {
    factors.before_PD = factor("lokr_w2_b");
    factors.after_BP = factor("lokr_w2_a");
  } else if (mixes_first(shape_.a, shape_.b, shape_.c, shape_.d)) {
    factors.after_BP = factor("lokr_w2");
  } else {
    factors.before_PD = factor("lokr_w2");
  }
  return factors;
}

at::Tensor LokrFactors::add_to(const at::Tensor& base_out, const at::Tensor& x) {
  if (multiplier() == 0.0) return base_out;
  return add_kron_linear(base_out, x, kron_factors(), multiplier() * shape_.scale);
}

at::Tensor LokrFactors::add_into(const at::Tensor& out, const at::Tensor& x) const {
  if (multiplier() == 0.0) return {};
  KronPass pass{x, {}, kron_factors(), multiplier() * shape_.scale};
  kron_forward(out, pass);
  return pass.projected;
}

std::vector<at::Tensor> LokrFactors::backward(const at::Tensor& grad_out, const at::Tensor& x,
                                              const at::Tensor& kept,
                                              const at::Tensor& grad_x) const {
  if (multiplier() == 0.0) return std::vector<at::Tensor>(factors().size());
  const KronPass pass{x, kept, kron_factors(), multiplier() * shape_.scale};
  const KronFactors found =
      kron_backward(pass, grad_out,
                    {true, pass.factors.before_PD.defined(), pass.factors.after_BP.defined()},
                    grad_x.defined() ? GradX::kAdd : GradX::kUnwanted, grad_x)
          .factors;
  std::vector<at::Tensor> gradients;
  if (shape_.low_rank_w1) {
    gradients.push_back(at::mm(found.w1_AC, factor("lokr_w1_b").t()));
    gradients.push_back(at::mm(factor("lokr_w1_a").t(), found.w1_AC));
  } else {
    gradients.push_back(found.w1_AC);
  }
  if (found.after_BP.defined()) gradients.push_back(found.after_BP);
  if (found.before_PD.defined()) gradients.push_back(found.before_PD);
  return gradients;
}

at::Tensor LokrFactors::delta_weight() const {
  const at::NoGradGuard no_grad;
  const at::Tensor w2 =
      shape_.low_rank_w2 ? at::mm(factor("lokr_w2_a"), factor("lokr_w2_b")) : factor("lokr_w2");
  return kronecker_product(w1(), w2).mul_(shape_.scale);
}

}  // namespace omnigen::adapter
