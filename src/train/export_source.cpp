#include "train/export_source.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "adapter/lokr_file.h"
#include "adapter/peft_file.h"
#include "io/atomic_file.h"
#include "train/checkpoint.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResolvedConfig = "simpletuner_config.json";
constexpr const char* kPipelineFolder = "pipeline";
constexpr int kLevels = 3;  // from an adapter's file up to its run's folder

[[noreturn]] void fail(const std::string& text) {
  throw util::ConfigError("export: " + text);
}

// The configuration of the run that a path belongs to; null: none is near.
nlohmann::json run_config(fs::path path) {
  for (int level = 0; level <= kLevels && !path.empty(); ++level, path = path.parent_path()) {
    const fs::path file = path / kResolvedConfig;
    if (!fs::is_regular_file(file)) continue;
    auto json = nlohmann::json::parse(io::read_file(file), nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) return json;
  }
  return nullptr;
}

std::string text_in(const nlohmann::json& config, const char* key) {
  return config.is_object() ? config.value(key, "") : "";
}

bool is_checkpoint(const fs::path& folder) {
  return fs::exists(folder / kStateFile) && checkpoint_step(folder).has_value();
}

bool is_model(const fs::path& folder) {
  return fs::exists(folder / kTransformerFolder / "config.json") ||
         (fs::exists(folder / "config.json") &&
          (fs::exists(folder / "model.safetensors") ||
           fs::exists(folder / "model.safetensors.index.json")));
}

std::optional<fs::path> adapter_in(const fs::path& folder, bool average) {
  std::vector<fs::path> places = {folder / adapter::kLokrFile, folder / adapter::kPeftFile};
  if (average) {
    places = {folder / "ema" / adapter::kLokrFile, folder / "ema" / adapter::kPeftFile,
              folder / "ema" / "ema_model.safetensors"};
  }
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place)) return place;
  }
  return std::nullopt;
}

fs::path newest_checkpoint(const fs::path& run) {
  const auto checkpoints = CheckpointStore(run, {}).list();
  return checkpoints.empty() ? fs::path() : checkpoints.back();
}

// The folder of a whole model's transformer in a run's folder or a checkpoint; empty: none there.
fs::path whole_model_in(const fs::path& folder, bool average) {
  const std::string name = average ? kAverageFolder : kTransformerFolder;
  if (is_checkpoint(folder)) {
    if (!fs::exists(folder / kTransformerFolder)) return {};
    if (fs::exists(folder / name)) return folder / name;
    fail(fmt::format("{}: no averaged weights there; that run had no use_ema. Give --weights live",
                     folder.string()));
  }
  const fs::path pipeline = folder / kPipelineFolder;
  if (!is_model(pipeline)) return {};
  const nlohmann::json config = run_config(folder);
  const bool averaged = config.is_object() && config.value("use_ema", false);
  if (averaged == average) return pipeline;
  const fs::path checkpoint = newest_checkpoint(folder);
  if (!checkpoint.empty() && fs::exists(checkpoint / name)) return checkpoint / name;
  fail(
      fmt::format("{}: pipeline/ holds the {} weights, and no checkpoint the {}; give --weights {}",
                  folder.string(), averaged ? "averaged" : "live", average ? "averaged" : "live",
                  averaged ? "ema" : "live"));
}

// The model that tokenizer and VAE come from, and an adapter's base.
model::PipelineSources base_of(const ExportRequest& request) {
  const nlohmann::json config = run_config(fs::absolute(request.from));
  const fs::path named = text_in(config, "pretrained_model_name_or_path");
  const fs::path folder = request.model.empty() ? named : request.model;
  if (!is_model(folder)) {
    fail(folder.empty()
             ? fmt::format("{}: no {} near it names the model that it belongs to; give --model DIR",
                           request.from.string(), kResolvedConfig)
             : fmt::format("{}: no model folder there (from {}); give the one that was trained on "
                           "as --model DIR",
                           folder.string(), fs::current_path().string()));
  }
  const fs::path vae = text_in(config, "pretrained_vae_model_name_or_path");
  return {folder, vae.empty() ? folder / "vae" : vae};
}

ExportSource of_adapter(const fs::path& file, const ExportRequest& request) {
  ExportSource source;
  source.adapter = file;
  source.config_dir = file.parent_path();
  if (!request.needs_model) return source;
  source.parts = base_of(request);
  source.weights = source.parts.model_folder;
  return source;
}

ExportSource of_model(const fs::path& weights, const fs::path& folder) {
  return {{}, weights, {folder, folder / "vae"}, {}};
}

}  // namespace

ExportSource find_export_source(const ExportRequest& request) {
  const fs::path& from = request.from;
  if (!fs::exists(from)) fail(fmt::format("{}: not there", from.string()));
  if (!fs::is_directory(from)) {
    if (request.average) {
      fail(
          "--weights ema is for a run's folder or a checkpoint; give that, or the averaged "
          "weights' own file");
    }
    return of_adapter(from, request);
  }
  const fs::path whole = whole_model_in(from, request.average);
  if (!whole.empty()) {
    if (is_model(whole)) return of_model(whole, whole);  // pipeline/
    return {{}, whole, base_of(request), {}};
  }
  if (const auto file = adapter_in(from, request.average)) return of_adapter(*file, request);
  if (!is_checkpoint(from) && is_model(from)) {
    if (request.average)
      fail(fmt::format("{}: a model folder has one kind of weights", from.string()));
    return of_model(from, from);
  }
  const fs::path checkpoint = is_checkpoint(from) ? fs::path() : newest_checkpoint(from);
  if (checkpoint.empty()) {
    fail(fmt::format("{}: neither {}, a whole model nor a checkpoint there", from.string(),
                     request.average ? "averaged adapter weights (ema/)" : "an adapter's file"));
  }
  ExportRequest inside = request;
  inside.from = checkpoint;
  return find_export_source(inside);
}

}  // namespace omnigen::train
