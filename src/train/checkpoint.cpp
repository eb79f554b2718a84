#include "train/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "train/best_checkpoint.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr int kManifestVersion = 1;
constexpr const char* kManifest = "checkpoint_manifest.json";
const std::string kParametersFile = std::string(kParametersBase) + ".safetensors";
const std::string kOptimizerFile = std::string(kOptimizerBase) + ".safetensors";
constexpr const char* kEmaFolder = "ema";
constexpr const char* kEmaStateFile = "ema/ema_state.safetensors";
constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kRollingSuffix = "-rolling";
constexpr std::string_view kBestSuffix = "-best";

std::string_view suffix_of(CheckpointKind kind) {
  if (kind == CheckpointKind::kOrdinary) return "";
  return kind == CheckpointKind::kRolling ? kRollingSuffix : kBestSuffix;
}

CheckpointKind kind_of(const fs::path& path) {
  const std::string name = path.filename().string();
  for (const auto kind : {CheckpointKind::kRolling, CheckpointKind::kBest}) {
    if (name.ends_with(suffix_of(kind))) return kind;
  }
  return CheckpointKind::kOrdinary;
}

void write_contents(const fs::path& dir, const CheckpointContents& contents) {
  contents.adapter.write(dir);
  io::write_safetensors(dir / kParametersFile, contents.parameters);
  io::write_safetensors(dir / kOptimizerFile, contents.optimizer);
  if (contents.ema) {
    contents.ema->write_as(contents.ema->average_name, dir / kEmaFolder);
    io::write_safetensors(dir / kEmaStateFile, contents.ema_state);
  }
  io::write_atomically(dir / kStateFile, contents.training_state.dump(2) + "\n");
}

nlohmann::json make_manifest(const fs::path& dir, const std::string& name) {
  auto files = nlohmann::json::array();
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    files.push_back({{"name", path.lexically_relative(dir).string()},
                     {"bytes", fs::file_size(path)},
                     {"xxh3_64", util::hex64(util::xxh3_64_file(path))}});
  }
  return {{"version", kManifestVersion}, {"checkpoint", name}, {"files", files}};
}

void verify_file(const fs::path& dir, const nlohmann::json& entry) {
  const fs::path path = dir / entry.at("name").get<std::string>();
  if (!fs::exists(path)) throw util::DataError(fmt::format("{} is missing", path.string()));
  const auto bytes = entry.at("bytes").get<uint64_t>();
  if (fs::file_size(path) != bytes) {
    throw util::DataError(fmt::format("{} has {} bytes, its manifest says {}", path.string(),
                                      fs::file_size(path), bytes));
  }
  if (util::hex64(util::xxh3_64_file(path)) != entry.at("xxh3_64").get<std::string>()) {
    throw util::DataError(
        fmt::format("{} is damaged: its hash differs from the manifest's", path.string()));
  }
}

TensorMap read_tensors(const fs::path& path) {
  const io::SafetensorsReader reader(path);
  TensorMap tensors;
  for (const auto& [name, info] : reader.tensors()) tensors[name] = reader.tensor(name).clone();
  return tensors;
}

}  // namespace

std::optional<int64_t> checkpoint_step(const fs::path& path) {
  std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.resize(name.size() - suffix_of(kind_of(path)).size());
  int64_t step = 0;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end || begin == end) return std::nullopt;
  return step;
}

std::string CheckpointStore::name_of(int64_t step, CheckpointKind kind) {
  return fmt::format("{}{}{}", kPrefix, step, suffix_of(kind));
}

CheckpointStore::CheckpointStore(fs::path output_dir, CheckpointLimits limits)
    : output_dir_(std::move(output_dir)), limits_(limits) {}

std::vector<fs::path> CheckpointStore::list() const {
  std::vector<fs::path> found;
  if (!fs::is_directory(output_dir_)) return found;
  for (const auto& entry : fs::directory_iterator(output_dir_)) {
    if (entry.is_directory() && checkpoint_step(entry.path())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(*checkpoint_step(a), a) < std::pair(*checkpoint_step(b), b);
  });
  return found;
}

fs::path CheckpointStore::aside(int64_t step, CheckpointKind kind) const {
  return output_dir_ / (name_of(step, kind) + ".tmp");
}

fs::path CheckpointStore::save(int64_t step, const CheckpointContents& contents,
                               CheckpointKind kind) {
  const auto write = [&](const fs::path& folder) { write_contents(folder, contents); };
  return save(step, write, kind);
}

fs::path CheckpointStore::save(int64_t step, const Write& write, CheckpointKind kind) {
  const std::string name = name_of(step, kind);
  const fs::path dir = output_dir_ / name;
  const fs::path aside = this->aside(step, kind);
  fs::remove_all(aside);
  fs::create_directories(aside);
  try {
    write(aside);
    io::write_atomically(aside / kManifest, make_manifest(aside, name).dump(2) + "\n");
    if (fs::exists(dir)) fs::remove_all(dir);  // a damaged one that a resume has passed over
    io::rename_directory(aside, dir);
  } catch (const util::CommError&) {
    throw;
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove_all(aside, ignored);
    const auto complete = list();
    throw util::Error(fmt::format("cannot write {}: {}; last complete checkpoint: {}", name,
                                  error.what(),
                                  complete.empty() ? "none" : complete.back().filename().string()));
  }
  if (kind != CheckpointKind::kBest) apply_limit(kind, dir);
  return dir;
}

void CheckpointStore::apply_limit(CheckpointKind kind, const fs::path& newest) const {
  const int64_t limit = kind == CheckpointKind::kRolling ? limits_.rolling : limits_.ordinary;
  if (limit <= 0) return;
  const auto best = read_best_checkpoint(output_dir_);
  std::vector<fs::path> same_kind;
  for (const fs::path& path : list()) {
    if (kind_of(path) == kind) same_kind.push_back(path);
  }
  for (int64_t i = 0; i < std::ssize(same_kind) - limit; ++i) {
    const fs::path& oldest = same_kind[static_cast<size_t>(i)];
    if (oldest == newest || (best && oldest.filename() == best->folder)) continue;
    fs::remove_all(oldest);
  }
}

void CheckpointStore::remove_superseded_best() const {
  const auto best = read_best_checkpoint(output_dir_);
  for (const fs::path& path : list()) {
    const bool named = best && path.filename() == best->folder;
    if (kind_of(path) == CheckpointKind::kBest && !named) fs::remove_all(path);
  }
}

void CheckpointStore::verify(const fs::path& checkpoint) {
  const fs::path manifest_path = checkpoint / kManifest;
  if (!fs::exists(manifest_path)) {
    throw util::DataError(
        fmt::format("{} has no {}: it is not complete", checkpoint.string(), kManifest));
  }
  try {
    const auto manifest = nlohmann::json::parse(io::read_file(manifest_path));
    const int version = manifest.at("version").get<int>();
    if (version != kManifestVersion) {
      throw util::DataError(fmt::format("{}: version {}, this build reads {}",
                                        manifest_path.string(), version, kManifestVersion));
    }
    for (const auto& entry : manifest.at("files")) verify_file(checkpoint, entry);
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(fmt::format("{} is damaged: {}", manifest_path.string(), error.what()));
  }
}

std::optional<fs::path> CheckpointStore::latest(bool delete_damaged) const {
  auto candidates = list();
  for (auto path = candidates.rbegin(); path != candidates.rend(); ++path) {
    try {
      verify(*path);
      return *path;
    } catch (const util::DataError& error) {
      util::log::warn(fmt::format("{} {}: {}", delete_damaged ? "deleting" : "passing over",
                                  path->filename().string(), error.what()));
      if (delete_damaged) fs::remove_all(*path);
    }
  }
  return std::nullopt;
}

fs::path CheckpointStore::named(const std::string& name) const {
  const fs::path path = output_dir_ / fs::path(name).lexically_normal().filename();
  if (!fs::is_directory(path)) {
    std::vector<std::string> present;
    for (const fs::path& other : list()) present.push_back(other.filename().string());
    throw util::DataError(
        fmt::format("resume_from_checkpoint: {} not found in {}; present: {}",
                    path.filename().string(), output_dir_.string(),
                    present.empty() ? "none" : fmt::format("{}", fmt::join(present, ", "))));
  }
  verify(path);
  return path;
}

LoadedCheckpoint load_checkpoint(const fs::path& checkpoint) {
  LoadedCheckpoint loaded;
  loaded.adapter = adapter::read_adapter(checkpoint);
  loaded.parameters = read_tensors(checkpoint / kParametersFile);
  loaded.optimizer = read_tensors(checkpoint / kOptimizerFile);
  if (fs::exists(checkpoint / kEmaStateFile)) {
    loaded.ema_state = read_tensors(checkpoint / kEmaStateFile);
  }
  loaded.training_state = load_training_state(checkpoint);
  return loaded;
}

nlohmann::json load_training_state(const fs::path& checkpoint) {
  try {
    return nlohmann::json::parse(io::read_file(checkpoint / kStateFile));
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(fmt::format("{}: {}", (checkpoint / kStateFile).string(), error.what()));
  }
}

}  // namespace omnigen::train
