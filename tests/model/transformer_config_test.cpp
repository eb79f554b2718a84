#include "model/transformer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "model/model_writer.h"
#include "model/tiny_models.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

using ::testing::HasSubstr;

nlohmann::json published_json() {
  return test::read_json(test::golden_dir() / "tiny-omnigen/transformer/config.json");
}

TransformerConfig read(const nlohmann::json& json) {
  const test::TempDir dir;
  std::ofstream(dir / "config.json") << json.dump();
  return TransformerConfig::from_file(dir / "config.json");
}

void expect_refused(const nlohmann::json& json, const std::string& key,
                    const std::string& expected) {
  try {
    read(json);
    FAIL() << "no error for " << key;
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'" + key + "'"));
    EXPECT_THAT(error.what(), HasSubstr(expected));
    EXPECT_THAT(error.what(), HasSubstr("config.json"));
  }
}

TEST(TransformerConfig, ReadsThePublishedKeys) {
  const TransformerConfig config = read(published_json());
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.head_dim(), 16);
  EXPECT_EQ(config.original_max_position_embeddings, 512);
  EXPECT_EQ(config.rope_long_factor.back(), 64.81);
  EXPECT_EQ(config.rope_base, 10000.0);
}

TEST(TransformerConfig, AbsentAndNullKeysHaveThePublishedDefaults) {
  const nlohmann::json published = {
      {"rope_scaling",
       {{"type", "longrope"},
        {"short_factor", TransformerConfig::omnigen_v1().rope_short_factor},
        {"long_factor", TransformerConfig::omnigen_v1().rope_long_factor}}},
      {"vocab_size", nullptr}};
  const TransformerConfig config = read(published);
  EXPECT_EQ(config.hidden_size, 3072);
  EXPECT_EQ(config.vocab_size, 32064);
  EXPECT_EQ(config.num_layers, 32);
  EXPECT_EQ(config.time_step_dim, 256);
}

TEST(TransformerConfig, AcceptsTheNewNameOfTheScaling) {
  nlohmann::json json = published_json();
  json["rope_scaling"]["rope_type"] = "longrope";
  json["rope_scaling"].erase("type");
  EXPECT_EQ(read(json).rope_short_factor.size(), 8U);
}

TEST(TransformerConfig, RefusesWhatItDoesNotCompute) {
  const auto with = [](const std::string& key, const nlohmann::json& value) {
    nlohmann::json json = published_json();
    json[key] = value;
    return json;
  };
  expect_refused(with("flip_sin_to_cos", false), "flip_sin_to_cos", "only true");
  expect_refused(with("timestep_activation_fn", "gelu"), "timestep_activation_fn", "silu");
  expect_refused(with("_class_name", "FluxTransformer2DModel"), "_class_name", "OmniGen");
  expect_refused(with("num_key_value_heads", 2), "num_key_value_heads", "expected");
  expect_refused(with("hidden_size", 66), "hidden_size", "not a multiple");
  expect_refused(with("hidden_size", "64"), "hidden_size", "whole number");
  expect_refused(with("num_layers", 0), "num_layers", "more than 0");
  expect_refused(with("time_step_dim", 63), "time_step_dim", "not a multiple");
  expect_refused(with("pad_token_id", 32064), "pad_token_id", "vocab_size");
  expect_refused(with("rms_norm_eps", -1), "rms_norm_eps", "more than 0");
  expect_refused(with("rope_scaling", nullptr), "rope_scaling", "missing");
  expect_refused(with("rope_scaling", {{"type", "linear"}}), "type", "longrope");
  nlohmann::json short_list = published_json();
  short_list["rope_scaling"]["long_factor"].erase(0);
  expect_refused(short_list, "rope_scaling.long_factor", "7 entries, expected 8");
}

TEST(TransformerConfig, WrittenAndReadAgain) {
  const TransformerConfig config = test::tiny_config();
  const TransformerConfig again = read(transformer_config_json(config));
  EXPECT_EQ(transformer_config_json(again), transformer_config_json(config));
}

TEST(TransformerConfig, DamagedFilesAreNamed) {
  const test::TempDir dir;
  std::ofstream(dir / "config.json") << "{\"hidden_size\": ";
  EXPECT_THROW(TransformerConfig::from_file(dir / "config.json"), util::DataError);
  EXPECT_THROW(TransformerConfig::from_file(dir / "absent.json"), util::DataError);
}

}  // namespace
}  // namespace omnigen::model
