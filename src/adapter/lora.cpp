#include "adapter/lora.h"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "util/error.h"

namespace omnigen::adapter {
namespace {

at::Tensor first_factor(const LoraShape& shape, LoraInit init, util::SeedStream& stream) {
  if (init == LoraInit::kUniform) {
    return uniform_factor({shape.rank, shape.in_features}, stream);
  }
  at::Tensor factor = at::empty({shape.rank, shape.in_features}, at::kFloat);
  stream.fill_normal({factor.data_ptr<float>(), static_cast<size_t>(factor.numel())});
  return factor.div_(static_cast<double>(shape.rank));
}

// One of our own: the global generator of the device lends its kind alone.
at::Generator keyed_generator(at::Device device, uint64_t key, const std::string& name) {
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(util::SeedStream(key, "adapter dropout", {name}).next_u64());
  return generator;
}

}  // namespace

LoraShape lora_shape_of(const Tensors& factors, const std::string& where) {
  const auto a = factors.find(kLoraA);
  const auto b = factors.find(kLoraB);
  if (a == factors.end() || b == factors.end() || a->second.dim() != 2 || b->second.dim() != 2 ||
      a->second.size(0) != b->second.size(1)) {
    std::vector<std::string> found;
    for (const auto& [name, value] : factors) {
      found.push_back(fmt::format("{} [{}]", name, fmt::join(value.sizes(), ", ")));
    }
    throw util::DataError(fmt::format(
        "{}: not a LoRA module of a linear layer: it has {}, expected {} [rank, in] and {} "
        "[out, rank]",
        where, fmt::join(found, ", "), kLoraA, kLoraB));
  }
  LoraShape shape{b->second.size(0), a->second.size(1), a->second.size(0)};
  const auto alpha = factors.find("alpha");
  if (alpha != factors.end()) {
    shape.scale = alpha->second.to(at::kDouble).item<double>() / static_cast<double>(shape.rank);
  }
  return shape;
}

LoraFactors::LoraFactors(const LoraShape& shape, LoraInit init, const std::string& name,
                         uint64_t seed, at::Device device)
    : shape_(shape), name_(name), one_(at::ones({1, 1}, at::TensorOptions(device))) {
  util::SeedStream stream(seed, "adapter", {name});
  add_factor(kLoraA, first_factor(shape_, init, stream), device);
  add_factor(kLoraB, at::zeros({shape_.out_features, shape_.rank}), device);
}

at::Tensor LoraFactors::dropped(const at::Tensor& x) const {
  const SampleRows* rows = sample_rows();
  if (!draws() || rows == nullptr) return x;
  const double keep = 1.0 - shape_.dropout;
  const at::Tensor kept = at::empty(x.sizes(), x.options().dtype(at::kBool).requires_grad(false));
  const auto& split = rows->split_of(x.size(0));
  int64_t begin = 0;
  for (size_t i = 0; i < split.size(); ++i) {
    kept.narrow(0, begin, split[i])
        .bernoulli_(keep, keyed_generator(x.device(), rows->keys[i], name_));
    begin += split[i];
  }
  return x.mul(kept).mul(1.0 / keep);
}

// The scale goes into A while that is float32: as a number of x's dtype it would be off by up to
// half a step everywhere.
KronFactors LoraFactors::kron_factors() const {
  return {one_, factor(kLoraA).mul(multiplier() * shape_.scale), factor(kLoraB)};
}

at::Tensor LoraFactors::add_to(const at::Tensor& base_out, const at::Tensor& x) {
  if (multiplier() == 0.0) return base_out;
  return add_kron_linear(base_out, dropped(x), kron_factors(), 1.0);
}

at::Tensor LoraFactors::add_into(const at::Tensor& out, const at::Tensor& x) const {
  if (multiplier() == 0.0) return {};
  KronPass pass{x, {}, kron_factors(), 1.0};
  kron_forward(out, pass);
  return pass.projected;
}

std::vector<at::Tensor> LoraFactors::backward(const at::Tensor& grad_out, const at::Tensor& x,
                                              const at::Tensor& kept,
                                              const at::Tensor& grad_x) const {
  if (multiplier() == 0.0) return std::vector<at::Tensor>(2);
  const KronPass pass{x, kept, kron_factors(), 1.0};
  const KronFactors found = kron_backward(pass, grad_out, {/*w1=*/false},
                                          grad_x.defined() ? GradX::kAdd : GradX::kUnwanted, grad_x)
                                .factors;
  return {found.before_PD.mul(multiplier() * shape_.scale), found.after_BP};
}

at::Tensor LoraFactors::delta_weight() const {
  const at::NoGradGuard no_grad;
  return at::mm(factor(kLoraB), factor(kLoraA)).mul_(shape_.scale);
}

}  // namespace omnigen::adapter
