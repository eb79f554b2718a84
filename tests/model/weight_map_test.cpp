#include "model/weight_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "model/model_writer.h"
#include "model/tiny_models.h"
#include "model/tiny_samples.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFile = "diffusion_pytorch_model.safetensors";

void write_model(const fs::path& folder, const std::map<std::string, at::Tensor>& weights) {
  fs::create_directories(folder);
  std::ofstream(folder / "config.json") << transformer_config_json(test::tiny_config()).dump();
  io::write_safetensors(folder / kFile, weights, {{"format", "pt"}});
}

at::Tensor output_of(const fs::path& folder) {
  const at::NoGradGuard no_grad;
  return load_transformer(folder, {at::kFloat, at::kCPU})
      ->forward({test::image_sample("latent_c", 8, 6, 0.75)})[0];
}

std::string error_of(const fs::path& folder) {
  try {
    load_transformer(folder, {at::kFloat, at::kCPU});
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(LoadTransformer, FromAFolderOrTheTransformerInsideIt) {
  const test::TempDir dir;
  write_model(dir / "a", test::tiny_weights(test::tiny_config()));
  write_model(dir / "b/transformer", test::tiny_weights(test::tiny_config()));
  EXPECT_TENSOR_EQ(output_of(dir / "a"), output_of(dir / "b"));
}

TEST(LoadTransformer, ShardsGiveTheSameModel) {
  const test::TempDir dir;
  const auto weights = test::tiny_weights(test::tiny_config());
  write_model(dir / "one", weights);
  write_model(dir / "two", weights);
  fs::remove(dir / "two" / kFile);
  std::array<std::map<std::string, at::Tensor>, 2> shards;
  nlohmann::json index = {{"metadata", {{"total_size", 0}}}};
  for (const auto& [name, weight] : weights) {
    const size_t shard = name.size() % 2;
    shards.at(shard)[name] = weight;
    index["weight_map"][name] = fmt::format("part-{}.safetensors", shard);
  }
  for (size_t i = 0; i < 2; ++i) {
    io::write_safetensors(dir / fmt::format("two/part-{}.safetensors", i), shards.at(i));
  }
  std::ofstream(dir / "two/diffusion_pytorch_model.safetensors.index.json") << index.dump();
  // Mapped weights lie at other alignments in other files, and matrix products round by alignment.
  EXPECT_TENSOR_NEAR(output_of(dir / "two"), output_of(dir / "one"), test::kTransformerOutput);
}

TEST(LoadTransformer, AStoredPositionTableIsUsed) {
  const test::TempDir dir;
  auto weights = test::tiny_weights(test::tiny_config());
  write_model(dir / "computed", weights);
  weights[kPositionTable] = at::zeros({1, 64, 32});
  write_model(dir / "stored", weights);
  EXPECT_FALSE(at::allclose(output_of(dir / "stored"), output_of(dir / "computed")));
}

TEST(LoadTransformer, OneErrorListsEverything) {
  const test::TempDir dir;
  auto weights = test::tiny_weights(test::tiny_config());
  weights.erase("layers.1.self_attn.to_k.weight");
  weights["layers.7.mlp.bias"] = at::ones({3});
  weights["proj_out.weight"] = at::ones({16, 31});
  write_model(dir.path(), weights);
  const std::string message = error_of(dir.path());
  EXPECT_THAT(message, HasSubstr(dir.path().string()));
  EXPECT_THAT(message, HasSubstr("1 missing: layers.1.self_attn.to_k.weight"));
  EXPECT_THAT(message, HasSubstr("1 unexpected: layers.7.mlp.bias"));
  EXPECT_THAT(message,
              HasSubstr("1 of another shape: proj_out.weight is [16, 31], expected [16, 32]"));
}

TEST(LoadTransformer, AFolderWithoutAModelSaysWhatIsExpected) {
  const test::TempDir dir;
  EXPECT_THAT(error_of(dir.path()), HasSubstr("config.json"));
}

// Whether an address of this process belongs to the mapping of a file of that name.
bool lies_in_file(const void* address, const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with(name)) continue;
    const size_t dash = line.find('-');
    const auto begin = std::stoull(line.substr(0, dash), nullptr, 16);
    const auto end = std::stoull(line.substr(dash + 1), nullptr, 16);
    const auto at = reinterpret_cast<uintptr_t>(address);
    if (at >= begin && at < end) return true;
  }
  return false;
}

TEST(LoadTransformer, MatchingWeightsStayMapped) {
  const fs::path folder = test::golden_dir() / "transformer";
  const auto mapped = load_transformer(folder, {at::kFloat, at::kCPU});
  const io::SafetensorsReader file(folder / kFile);
  for (const auto& [name, weight] : mapped->named_weights()) {
    EXPECT_TENSOR_EQ(weight, file.tensor(name));
    EXPECT_TRUE(lies_in_file(weight.data_ptr(), kFile)) << name;
  }
}

TEST(LoadTransformer, CastsToTheComputeType) {
  const auto transformer =
      load_transformer(test::golden_dir() / "transformer", {at::kBFloat16, at::kCPU});
  EXPECT_EQ(transformer->dtype(), at::kBFloat16);
  for (const auto& [name, weight] : transformer->named_weights()) {
    EXPECT_EQ(weight.scalar_type(), at::kBFloat16) << name;
  }
}

TEST(RequireExact, ListsTenAndTheTotal) {
  std::map<std::string, std::vector<int64_t>> expected;
  for (int i = 0; i < 23; ++i) expected[fmt::format("w{:02}", i)] = {1};
  try {
    require_exact("here", expected, {});
    FAIL() << "no error";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("23 missing: w00"));
    EXPECT_THAT(error.what(), HasSubstr("w09"));
    EXPECT_THAT(error.what(), Not(HasSubstr("w10")));
  }
  EXPECT_NO_THROW(require_exact("here", {{"a", {1}}, {"b", {2}}}, {{"a", {1}}}, {"b"}));
}

TEST(LoadAutoencoder, AcceptsOldAttentionNames) {
  const test::TempDir dir;
  const fs::path published = test::golden_dir() / "tiny-omnigen/vae";
  fs::create_directories(dir / "vae");
  fs::copy_file(published / "config.json", dir / "vae/config.json");
  const io::SafetensorsReader file(published / kFile);
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, info] : file.tensors()) {
    std::string old_name = name;
    at::Tensor weight = file.tensor(name);
    for (const auto& [now, before] :
         std::map<std::string, std::string>{{".to_q.", ".query."},
                                            {".to_k.", ".key."},
                                            {".to_v.", ".value."},
                                            {".to_out.0.", ".proj_attn."}}) {
      const size_t at = old_name.find(now);
      if (at == std::string::npos) continue;
      old_name.replace(at, now.size(), before);
      if (weight.dim() == 2) weight = weight.unsqueeze(2).unsqueeze(3);
    }
    weights[old_name] = weight;
  }
  ASSERT_TRUE(weights.contains("encoder.mid_block.attentions.0.query.weight"));
  io::write_safetensors(dir / "vae" / kFile, weights);
  const at::Tensor latent = test::hashed_latent("z", {1, 4, 3, 5});
  const auto decode = [&](const fs::path& folder) {
    return load_autoencoder(folder / "vae", {at::kFloat, at::kCPU})->decode(latent);
  };
  EXPECT_TENSOR_EQ(decode(dir.path()), decode(test::golden_dir() / "tiny-omnigen"));
}

}  // namespace
}  // namespace omnigen::model
