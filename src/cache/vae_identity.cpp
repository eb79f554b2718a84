#include "cache/vae_identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "cache/source_scan.h"
#include "io/safetensors_dtype.h"
#include "io/safetensors_reader.h"
#include "model/autoencoder.h"
#include "util/hash.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kWeights = "diffusion_pytorch_model";

}  // namespace

fs::path vae_folder(const config::ModelConfig& config) {
  const fs::path own = config.pretrained_vae_model_name_or_path;
  if (own.empty()) return fs::path(config.pretrained_model_name_or_path) / "vae";
  return fs::exists(own / "vae") ? own / "vae" : own;
}

VaeSettings vae_settings(const config::Config& config) {
  return {.folder = vae_folder(config.model),
          .dtype = config.model.vae_dtype == "fp32" ? at::kFloat : at::kBFloat16,
          .tiling = config.model.vae_enable_tiling,
          .sample_posterior = config.cache.vae_posterior == "sample",
          .seed = static_cast<uint64_t>(config.train.seed)};
}

json vae_files(const fs::path& folder) {
  json files = json::object();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".safetensors") continue;
    const SourceStat stat = stat_source(entry.path());
    files[entry.path().filename().string()] = {stat.size, stat.mtime_ns};
  }
  return files;
}

std::string vae_weights_hash(const fs::path& folder) {
  const io::SafetensorsFolder files(folder, kWeights);
  std::vector<std::string> names = files.names();
  std::sort(names.begin(), names.end());
  util::Sha256 hash;
  for (const std::string& name : names) {
    const io::TensorInfo& info = files.info(name);
    hash.update(fmt::format("{}\n{}\n[{}]\n", name, io::dtype_name(info.dtype),
                            fmt::join(info.shape, ",")));
    const at::Tensor tensor = files.tensor(name);
    hash.update(std::span(static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()));
  }
  return hash.hex();
}

data::Fingerprint vae_fingerprint(const VaeSettings& settings,
                                  const std::optional<data::CacheIndex>& known) {
  const auto config = model::AutoencoderConfig::from_file(settings.folder / "config.json");
  const bool unchanged = known && known->vae_files == vae_files(settings.folder);
  const json weights =
      unchanged ? known->fingerprints.vae.members.value("weights", json()) : json();
  const std::string dtype = io::dtype_name(settings.dtype);
  json members = {
      {"weights", weights.is_string() ? weights : json(vae_weights_hash(settings.folder))},
      {"scaling_factor", config.scaling_factor},
      {"shift_factor", config.shift_factor},
      {"compute_dtype", dtype},
      {"storage_dtype", dtype},
      {"tile_px", settings.tiling ? json(config.sample_size) : json()},
      {"posterior", settings.sample_posterior ? "sample" : "mean"},
      {"seed", settings.sample_posterior ? json(settings.seed) : json()}};
  return data::Fingerprint::of(std::move(members));
}

}  // namespace omnigen::cache
