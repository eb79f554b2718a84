#include "train/adapter_weights.h"

#include <fmt/format.h>

#include "adapter/adapter_files.h"
#include "optim/evaluation_mode.h"
#include "optim/make_optimizer.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

LoadedCheckpoint load_adapter_checkpoint(const fs::path& checkpoint) {
  if (fs::is_directory(checkpoint / kTransformerFolder)) {
    throw util::DataError(
        fmt::format("{} is of a model trained whole, this configuration trains an adapter "
                    "(model_type lora); use model_type full, or another output_dir [C44]",
                    checkpoint.filename().string()));
  }
  return load_checkpoint(checkpoint);
}

void copy_to_cpu(TensorMap& tensors) {
  for (auto& [name, tensor] : tensors)
    tensor = tensor.to(at::kCPU, tensor.scalar_type(), false, true);
}

}  // namespace

AdapterWeights::AdapterWeights(std::unique_ptr<adapter::AdapterPlan> plan,
                               const nn::ModuleTree& tree, const config::Config& config,
                               at::Device device, comm::ProcessGroup& group)
    : plan_(std::move(plan)),
      adapters_(*plan_, tree, static_cast<uint64_t>(config.train.seed), device),
      // adamw_bf16 trains bf16 weights; every other optimizer float32.
      file_dtype_(config.optim.optimizer == "adamw_bf16" ? at::kBFloat16 : at::kFloat),
      group_(group) {
  if (group_.is_root()) {
    for (const std::string& notice : adapters_.notices()) util::log::info(notice);
  }
  if (!config.adapter.init_lora.empty()) {
    const std::string& file = config.adapter.init_lora;
    for (const std::string& notice : adapters_.init_from(adapter::read_adapter(file), file)) {
      if (group_.is_root()) util::log::info(notice);
    }
  }
  std::vector<optim::Parameter> parameters;
  for (const auto& [name, value] : adapters_.parameters()) parameters.push_back({name, value});
  set_parameters(std::move(parameters));
}

std::vector<at::Tensor> AdapterWeights::leaves_of_block(int64_t block) const {
  return adapters_.parameters_below(fmt::format("layers.{}.", block));
}

// Leaf and gradient in float32, float32 averages.
int64_t AdapterWeights::training_bytes(bool with_ema) const {
  return num_parameters() * (4 + 4 + (with_ema ? 4 : 0));
}

void AdapterWeights::start_at(const fs::path& checkpoint) {
  load_weights(load_adapter_checkpoint(checkpoint), checkpoint.string());
}

std::unique_ptr<optim::Optimizer> AdapterWeights::make_optimizer(const config::OptimConfig& config,
                                                                 uint64_t seed) {
  return optim::make_optimizer(config, parameters(), seed);
}

std::unique_ptr<optim::Ema> AdapterWeights::make_ema(const optim::EmaOptions& options) {
  return group_.is_root() ? std::make_unique<optim::Ema>(parameters(), options) : nullptr;
}

std::vector<int> AdapterWeights::ema_holders() const {
  return std::vector<int>(parameters().size(), 0);
}

CheckpointContents AdapterWeights::contents(const SavedState& state) const {
  CheckpointContents contents;
  adapter::Tensors tensors;
  {
    const optim::EvaluationMode evaluation(state.optimizer);
    tensors = adapters_.state_dict(file_dtype_);
  }
  contents.adapter = plan_->files(tensors, state.facts);
  for (const auto& [name, value] : adapters_.parameters()) {
    contents.parameters[name] = value.detach();
  }
  contents.optimizer = state.optimizer.state_dict();
  if (state.ema != nullptr) {
    contents.ema_state = state.ema->state_dict();
    for (const auto& [name, shadow] : contents.ema_state) tensors.at(name) = shadow.to(file_dtype_);
    contents.ema = plan_->files(std::move(tensors), state.facts);
  }
  contents.training_state = state.training_state;
  return contents;
}

// Only rank 0 writes, from copies.
TrainedWeights::CompleteSave AdapterWeights::save(CheckpointStore& store, const SavedState& state,
                                                  CheckpointKind kind) {
  if (!group_.is_root()) return {};
  CheckpointContents copies = contents(state);
  for (TensorMap* tensors :
       {&copies.adapter.tensors, &copies.parameters, &copies.ema_state, &copies.optimizer}) {
    copy_to_cpu(*tensors);
  }
  if (copies.ema) copy_to_cpu(copies.ema->tensors);
  return [&store, step = state.step, kind, copies = std::move(copies)] {
    return store.save(step, copies, kind);
  };
}

void AdapterWeights::load_weights(const LoadedCheckpoint& loaded, const std::string& name) {
  const at::NoGradGuard no_grad;
  adapters_.load_state_dict(loaded.adapter, name);
  for (const auto& [parameter, value] : adapters_.parameters()) {
    value.detach().copy_(loaded.parameters.at(parameter));
  }
}

void AdapterWeights::load(const fs::path& checkpoint, optim::Optimizer* optimizer,
                          optim::Ema* ema) {
  const std::string name = checkpoint.filename().string();
  const LoadedCheckpoint loaded = load_adapter_checkpoint(checkpoint);
  load_weights(loaded, name);
  if (optimizer != nullptr) optimizer->load_state_dict(loaded.optimizer);
  if (ema != nullptr && loaded.ema_state.empty()) {
    util::log::warn(fmt::format("{} has no averaged weights; they start at its live ones", name));
    ema->load_state_dict(loaded.parameters);
  } else if (ema != nullptr) {
    ema->load_state_dict(loaded.ema_state);
  }
}

fs::path AdapterWeights::write_result(const fs::path& output_dir, const SavedState& state) {
  if (!group_.is_root()) return {};
  const CheckpointContents last = contents(state);
  last.adapter.write(output_dir);
  if (last.ema) last.ema->write(output_dir / "ema");
  return output_dir / last.adapter.weights_name;
}

}  // namespace omnigen::train
