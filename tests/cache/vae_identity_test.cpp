#include "cache/vae_identity.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

const fs::path kVaeFolder = test::golden_dir() / "tiny-omnigen/vae";

TEST(VaeIdentity, DoesNotDependOnHowFilesAreSplit) {
  test::TempDir dir;
  const io::SafetensorsFolder files(kVaeFolder, "diffusion_pytorch_model");
  std::map<std::string, at::Tensor> parts[2];
  nlohmann::json map;
  for (const std::string& name : files.names()) {
    const size_t part = map.size() % 2;
    parts[part][name] = files.tensor(name);
    map[name] = "diffusion_pytorch_model-0000" + std::to_string(part + 1) + "-of-00002.safetensors";
  }
  for (int part = 0; part < 2; ++part) {
    io::write_safetensors(
        dir / ("diffusion_pytorch_model-0000" + std::to_string(part + 1) + "-of-00002.safetensors"),
        parts[part]);
  }
  io::write_atomically(dir / "diffusion_pytorch_model.safetensors.index.json",
                       nlohmann::json{{"weight_map", map}}.dump());
  EXPECT_EQ(vae_weights_hash(dir.path()), vae_weights_hash(kVaeFolder));
}

TEST(VaeIdentity, ChangesWithEveryWayOfUse) {
  const VaeSettings base{kVaeFolder, at::kFloat, false, true, 1};
  const std::string print = vae_fingerprint(base, {}).sha256;
  std::vector<VaeSettings> others(4, base);
  others[0].dtype = at::kBFloat16;
  others[1].tiling = true;
  others[2].sample_posterior = false;
  others[3].seed = 2;
  for (const VaeSettings& other : others) EXPECT_NE(vae_fingerprint(other, {}).sha256, print);
  VaeSettings mean = others[2];
  mean.seed = 9;
  EXPECT_EQ(vae_fingerprint(mean, {}).sha256, vae_fingerprint(others[2], {}).sha256)
      << "the mean needs no seed";
}

TEST(VaeIdentity, WeightsAreNotHashedAgainWhileTheirFilesKeepSizeAndTime) {
  const VaeSettings settings{kVaeFolder, at::kFloat, false, true, 1};
  data::CacheIndex index;
  index.vae_files = vae_files(kVaeFolder);
  index.fingerprints.vae.members = {{"weights", "remembered"}};
  EXPECT_EQ(vae_fingerprint(settings, index).members.at("weights"), "remembered");
  index.vae_files = {{"diffusion_pytorch_model.safetensors", {1, 2}}};
  EXPECT_NE(vae_fingerprint(settings, index).members.at("weights"), "remembered");
}

}  // namespace
}  // namespace omnigen::cache
