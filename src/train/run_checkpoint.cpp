// What a run puts into a checkpoint, and takes from one.
#include <fmt/format.h>

#include "optim/evaluation_mode.h"
#include "train/trainer.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

// adamw_bf16 trains bf16 weights; every other optimizer float32.
at::ScalarType file_dtype(const std::string& optimizer) {
  return optimizer == "adamw_bf16" ? at::kBFloat16 : at::kFloat;
}

}  // namespace

CheckpointContents Trainer::contents() const {
  const at::ScalarType dtype = file_dtype(parts_.state.optimizer);
  CheckpointContents contents;
  adapter::FileFacts facts;
  facts.step = parts_.state.step;
  facts.title = parts_.config.log.tracker_run_name;
  facts.comment = parts_.config.publish.modelspec_comment;
  facts.resolution = static_cast<int64_t>(parts_.config.data.resolution);
  adapter::Tensors tensors;
  {
    const optim::EvaluationMode evaluation(parts_.optimizer);
    tensors = parts_.adapters.state_dict(dtype);
  }
  contents.adapter = parts_.adapter_plan.files(tensors, facts);
  for (const auto& [name, value] : parts_.adapters.parameters()) {
    contents.parameters[name] = value.detach();
  }
  contents.optimizer = parts_.optimizer.state_dict();
  if (parts_.ema != nullptr) {
    contents.ema_state = parts_.ema->state_dict();
    for (const auto& [name, shadow] : contents.ema_state) tensors.at(name) = shadow.to(dtype);
    contents.ema = parts_.adapter_plan.files(std::move(tensors), facts);
  }
  contents.training_state = parts_.state;
  return contents;
}

void load_weights(const LoadedCheckpoint& loaded, const std::string& name,
                  adapter::AdapterSet& adapters) {
  const at::NoGradGuard no_grad;
  adapters.load_state_dict(loaded.adapter, name);
  for (const auto& [parameter, value] : adapters.parameters()) {
    value.detach().copy_(loaded.parameters.at(parameter));
  }
}

void Trainer::resume(const std::filesystem::path& checkpoint) {
  const std::string name = checkpoint.filename().string();
  const LoadedCheckpoint loaded = load_checkpoint(checkpoint);
  const bool reset_optimizer = parts_.config.optim.reset_optimizer;

  TrainingState saved;
  try {
    saved = loaded.training_state.get<TrainingState>();
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(
        fmt::format("{}: training_state.json: {}", checkpoint.string(), error.what()));
  }
  for (const std::string& note : compare_settings(saved, parts_.state, name, reset_optimizer)) {
    if (parts_.group.is_root()) util::log::warn(note);
  }
  load_weights(loaded, name, parts_.adapters);
  if (!reset_optimizer) parts_.optimizer.load_state_dict(loaded.optimizer);
  if (parts_.ema != nullptr && loaded.ema_state.empty()) {
    util::log::warn(fmt::format("{} has no averaged weights; they start at its live ones", name));
    parts_.ema->load_state_dict(loaded.parameters);
  } else if (parts_.ema != nullptr) {
    parts_.ema->load_state_dict(loaded.ema_state);
  }
  parts_.state.step = saved.step;
  parts_.state.cursor = saved.cursor;
  saved_step_ = saved.step;
  last_checkpoint_ = name;
}

}  // namespace omnigen::train
