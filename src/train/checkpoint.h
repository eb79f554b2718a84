// Checkpoints of a run: written aside, synced, renamed; a manifest with sizes and hashes makes one
// complete.
//
// Layout: docs/formats.md, "Checkpoint".
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapter/adapter_files.h"

namespace omnigen::train {

using TensorMap = std::map<std::string, at::Tensor>;

// Names inside a checkpoint that more than one file knows.
inline constexpr const char* kParametersBase = "parameters";
inline constexpr const char* kOptimizerBase = "optimizer";
inline constexpr const char* kEmaStateBase = "ema_state";         // of a whole model
inline constexpr const char* kTransformerFolder = "transformer";  // of a whole model
inline constexpr const char* kAverageFolder = "transformer_ema";  // of a whole model
inline constexpr const char* kStateFile = "training_state.json";

struct CheckpointContents {
  adapter::AdapterFiles adapter;
  std::optional<adapter::AdapterFiles> ema;  // averaged weights; nothing without EMA
  TensorMap parameters;                      // trained leaves, float32, by name
  TensorMap ema_state;                       // float32 shadows, by name
  TensorMap optimizer;
  nlohmann::json training_state;  // step, epoch, position, settings that must agree
};

struct CheckpointLimits {
  int64_t ordinary = 0;  // 0: keep all
  int64_t rolling = 1;
};

// Of a folder, by its name: `checkpoint-<N>`, `…-rolling` (short-lived) and `…-best` (written
// because nothing else was due when the evaluation loss was the lowest).
enum class CheckpointKind { kOrdinary, kRolling, kBest };

class CheckpointStore {
 public:
  CheckpointStore(std::filesystem::path output_dir, CheckpointLimits limits);

  // Writes the folder, then deletes the oldest of its kind beyond the limit, but not the one that
  // `checkpoint-best.json` names. Rank 0 only.
  // Errors: Error (disk full …); earlier checkpoints are untouched.
  std::filesystem::path save(int64_t step, const CheckpointContents& contents,
                             CheckpointKind kind = CheckpointKind::kOrdinary);
  // `write` puts everything but the manifest into the folder that it is given, which is aside().
  using Write = std::function<void(const std::filesystem::path& folder)>;
  std::filesystem::path save(int64_t step, const Write& write,
                             CheckpointKind kind = CheckpointKind::kOrdinary);
  [[nodiscard]] std::filesystem::path aside(int64_t step, CheckpointKind kind) const;
  // "checkpoint-100", "checkpoint-100-rolling", …
  static std::string name_of(int64_t step, CheckpointKind kind);
  // Deletes folders of kind kBest but the one that `checkpoint-best.json` names. Rank 0 only.
  void remove_superseded_best() const;

  // The newest complete and undamaged one; passes over damaged ones with a warning that says why,
  // and deletes them where wanted.
  [[nodiscard]] std::optional<std::filesystem::path> latest(bool delete_damaged = false) const;
  // A checkpoint by name or path, its last component looked up in output_dir.
  // Errors: DataError listing what is there, or saying what is damaged.
  [[nodiscard]] std::filesystem::path named(const std::string& name) const;
  // Complete folders, oldest first.
  [[nodiscard]] std::vector<std::filesystem::path> list() const;

  // Errors: DataError naming the file that is missing or differs from the manifest.
  static void verify(const std::filesystem::path& checkpoint);

 private:
  void apply_limit(CheckpointKind kind, const std::filesystem::path& newest) const;

  std::filesystem::path output_dir_;
  CheckpointLimits limits_;
};

struct LoadedCheckpoint {
  TensorMap adapter;  // as AdapterSet::state_dict() gives it
  TensorMap parameters;
  TensorMap ema_state;
  TensorMap optimizer;
  nlohmann::json training_state;
};
// Of an adapter. Errors: DataError.
LoadedCheckpoint load_checkpoint(const std::filesystem::path& checkpoint);

// `training_state.json` of any checkpoint. Errors: DataError.
nlohmann::json load_training_state(const std::filesystem::path& checkpoint);

// Step in a folder's name, or nothing where it is not a checkpoint's name.
std::optional<int64_t> checkpoint_step(const std::filesystem::path& path);

}  // namespace omnigen::train
