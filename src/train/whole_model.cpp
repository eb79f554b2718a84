#include "train/whole_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/weight_map.h"
#include "optim/make_optimizer.h"
#include "train/state_shards.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInputImages = "patch_embedding.input_image_proj.";
constexpr int64_t kFloatBytes = 4;

void require_whole(const fs::path& checkpoint) {
  if (fs::is_directory(checkpoint / kTransformerFolder)) return;
  throw util::DataError(
      fmt::format("{} is of an adapter, this configuration trains the whole model (model_type "
                  "full); use model_type lora, or another output_dir [C44]",
                  checkpoint.filename().string()));
}

// One tensor of a checkpoint, which must be there and have the size of `like`.
at::Tensor saved_like(const io::SafetensorsFolder& saved, const std::string& name,
                      const at::Tensor& like, const std::string& where) {
  if (!saved.contains(name)) {
    throw util::DataError(fmt::format("{}: {} was not trained in that run", where, name));
  }
  const at::Tensor value = saved.tensor(name);
  if (value.sizes() != like.sizes()) {
    throw util::DataError(fmt::format("{}: {} is {}, this model's is {}", where, name,
                                      fmt::join(value.sizes(), "x"), fmt::join(like.sizes(), "x")));
  }
  return value;
}

}  // namespace

WholeModel::WholeModel(Parts parts) : parts_(std::move(parts)) {
  std::vector<optim::Parameter> leaves;
  int64_t left = 0;
  for (const auto& [name, weight] : parts_.transformer.named_weights()) {
    TORCH_CHECK(weight.is_leaf() && weight.requires_grad(), "whole model: ", name,
                " was not placed to be trained");
    if (name.starts_with(kInputImages) && !parts_.input_images) {
      weight.set_requires_grad(false);
      left += weight.numel();
    } else {
      leaves.push_back({name, weight});
    }
  }
  set_parameters(std::move(leaves));
  if (!parts_.group.is_root()) return;
  util::log::info(fmt::format("whole model: {} tensors with {} parameters are trained",
                              parameters().size(), num_parameters()));
  if (left > 0) {
    util::log::info(fmt::format("  {}* ({} parameters) stays as it is: no sample has input images",
                                kInputImages, left));
  }
}

std::vector<at::Tensor> WholeModel::leaves_of_block(int64_t block) const {
  const std::string prefix = fmt::format("layers.{}.", block);
  std::vector<at::Tensor> leaves;
  for (const optim::Parameter& parameter : parameters()) {
    if (parameter.name.starts_with(prefix)) leaves.push_back(parameter.value);
  }
  return leaves;
}

// The gradient is whole on every rank; masters and averages are of the tensors that it owns.
int64_t WholeModel::training_bytes(bool with_ema) const {
  int64_t owned = 0;
  int64_t masters = 0;
  for (const optim::Parameter& parameter : optimizer_->owned()) {
    owned += parameter.value.numel();
    const bool is_copy = parameter.value.scalar_type() != parts_.transformer.dtype();
    if (is_copy) masters += parameter.value.numel();
  }
  return kFloatBytes * (num_parameters() + masters + (with_ema ? owned : 0));
}

void WholeModel::start_at(const fs::path& checkpoint) {
  require_whole(checkpoint);
  start_.emplace(checkpoint, kParametersBase);
}

std::unique_ptr<optim::Optimizer> WholeModel::make_optimizer(const config::OptimConfig& config,
                                                             uint64_t seed) {
  optim::ShardedOptions options;
  options.name = config.optimizer;
  options.masters = config.optimizer != "adamw_bf16";
  options.make = [&](const std::vector<optim::Parameter>& owned) {
    return optim::make_optimizer(config, owned, seed);
  };
  if (start_) {
    options.start = [this](const std::string& name) { return start_->tensor(name); };
  }
  auto optimizer = std::make_unique<optim::ShardedOptimizer>(parameters(), parts_.group, options);
  start_.reset();
  optimizer_ = optimizer.get();
  return optimizer;
}

std::unique_ptr<optim::Ema> WholeModel::make_ema(const optim::EmaOptions& options) {
  return std::make_unique<optim::Ema>(optimizer_->owned(), options);
}

std::vector<int> WholeModel::ema_holders() const {
  return optimizer_->owners();
}

void WholeModel::load(const fs::path& checkpoint, optim::Optimizer* optimizer, optim::Ema* ema) {
  require_whole(checkpoint);
  const at::NoGradGuard no_grad;
  const std::string name = checkpoint.filename().string();
  const io::SafetensorsFolder saved(checkpoint, kParametersBase);
  TensorMap live;
  for (const optim::Parameter& parameter : optimizer_->owned()) {
    live[parameter.name] = saved_like(saved, parameter.name, parameter.value, name);
    parameter.value.detach().copy_(live[parameter.name]);
  }
  load_untrained(checkpoint);
  optimizer_->publish();
  const auto own_part = [&](const std::string& base, const TensorMap& own) {
    const io::SafetensorsFolder files(checkpoint, base);
    TensorMap part;
    for (const auto& [tensor, value] : own) {
      if (files.contains(tensor)) part[tensor] = files.tensor(tensor);
    }
    return part;
  };
  if (optimizer != nullptr) {
    optimizer->load_state_dict(own_part(kOptimizerBase, optimizer->state_dict()));
  }
  if (ema == nullptr) return;
  if (has_shards(checkpoint, kEmaStateBase)) {
    ema->load_state_dict(own_part(kEmaStateBase, ema->state_dict()));
    return;
  }
  if (parts_.group.is_root()) {
    util::log::warn(fmt::format("{} has no averaged weights; they start at its live ones", name));
  }
  for (auto& [tensor, value] : live) value = value.to(at::kFloat);
  ema->load_state_dict(live);
}

// What this run does not train, that one may have.
void WholeModel::load_untrained(const fs::path& checkpoint) {
  const auto stored =
      model::stored_weights(checkpoint / kTransformerFolder, parts_.transformer.config());
  for (const auto& [name, weight] : parts_.transformer.named_weights()) {
    if (!weight.requires_grad()) weight.copy_(stored.at(name));
  }
}

}  // namespace omnigen::train
