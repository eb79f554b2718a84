#include "model/weight_placer.h"

#include <fmt/format.h>

#include "util/error.h"

namespace omnigen::model {
namespace {

bool is_quanto(nn::WeightFormat format) {
  return format == nn::WeightFormat::kInt8Quanto || format == nn::WeightFormat::kFp8Quanto;
}

}  // namespace

at::Tensor placed(const at::Tensor& tensor, const std::string& name, const Placement& placement) {
  if (!tensor.is_floating_point()) {
    throw util::DataError(fmt::format("weight '{}' holds {}, expected floating point", name,
                                      c10::toString(tensor.scalar_type())));
  }
  return tensor.to(placement.device, placement.dtype);
}

WeightPlacer::WeightPlacer(const TransformerConfig& config, const Placement& placement)
    : placement_(placement) {
  for (const nn::ModuleInfo& module : module_tree(config)) {
    if (module.is_linear()) linear_weights_.insert(module.name + ".weight");
  }
}

bool WeightPlacer::is_compacted(const std::string& name, const std::vector<int64_t>& shape) const {
  return placement_.format && linear_weights_.contains(name) &&
         nn::takes_size(*placement_.format, shape[0], shape[1]);
}

// quanto rounds the two patch convolutions as well. They are small: their rounded values are held
// in dtype.
bool WeightPlacer::is_rounded_convolution(const std::string& name) const {
  return placement_.format && is_quanto(*placement_.format) &&
         name.starts_with("patch_embedding.") && name.ends_with("_proj.weight");
}

void WeightPlacer::add(const std::string& name, const at::Tensor& tensor) {
  const Placement here{placement_.dtype,
                       placement_.compact_on_host ? at::Device(at::kCPU) : placement_.device};
  if (is_compacted(name, tensor.sizes().vec())) {
    weights_.compact[name] =
        nn::compact(placed(tensor, name, here), *placement_.format)->to(placement_.device);
  } else if (is_rounded_convolution(name)) {
    const at::Tensor kernel = placed(tensor, name, placement_);
    weights_.dense[name] =
        nn::compact(kernel.flatten(1), *placement_.format)->dequantized().view(kernel.sizes());
  } else {
    at::Tensor weight = placed(tensor, name, placement_);
    if (placement_.trained) {
      if (weight.is_alias_of(tensor)) weight = weight.clone();
      weight.requires_grad_();
    }
    weights_.dense[name] = std::move(weight);
  }
}

}  // namespace omnigen::model
