// Other shapes of LoKr, standard LoRA, and quantised base models: trained on two ranks, resumed bit
// for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "util/hash.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

void use_lora(Workspace& workspace) {
  workspace.config["lora_type"] = "standard";
  workspace.config.erase("lycoris_config");
  workspace.config["lora_rank"] = 4;
  workspace.config["lora_dropout"] = 0.2;
}

// Losses and files of six steps on two ranks, straight and resumed after three, on `workspace`.
void expect_bit_exact_resume(Workspace& workspace, const std::vector<std::string>& files) {
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const std::vector<std::string> straight = {"--max_train_steps=6", "--checkpointing_steps=3"};
  const std::vector<std::string> half = {"--max_train_steps=3", "--checkpointing_steps=3"};
  const Outcome whole = workspace.train("straight", 2, straight);
  ASSERT_EQ(whole.exit_code, 0) << whole.output;
  ASSERT_EQ(workspace.train("halves", 2, half).exit_code, 0);
  const Outcome resumed = workspace.train("halves", 2, straight);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resuming from checkpoint-3"));
  for (const std::string& file : files) {
    EXPECT_EQ(util::xxh3_64_file(workspace.output("straight") / file),
              util::xxh3_64_file(workspace.output("halves") / file))
        << file;
  }
  const auto losses = workspace.metrics("straight");
  EXPECT_EQ(losses.at(6).at("train_loss"), workspace.metrics("halves").at(6).at("train_loss"));
  EXPECT_NE(losses.at(1).at("train_loss"), losses.at(6).at("train_loss"));
}

TEST(Lora, ResumesBitForBitAndLeavesPeftFiles) {
  Workspace workspace;
  use_lora(workspace);
  expect_bit_exact_resume(
      workspace, {"adapter_model.safetensors", "ema/adapter_model.safetensors",
                  "adapter_config.json", "checkpoint-6/adapter_model.safetensors",
                  "checkpoint-6/parameters.safetensors", "checkpoint-6/optimizer.safetensors"});
  const fs::path output = workspace.output("straight");
  EXPECT_TRUE(fs::exists(output / "ema/adapter_config.json"));
  EXPECT_TRUE(fs::exists(output / "checkpoint-6/ema/adapter_model.safetensors"));
  EXPECT_FALSE(fs::exists(output / "lycoris_config.json"));
  const io::SafetensorsReader adapter(output / "adapter_model.safetensors");
  EXPECT_TRUE(adapter.contains("base_model.model.layers.1.self_attn.to_out.0.lora_B.weight"));
}

TEST(Lora, WithDropoutIsTheSameRunAtAnyNumberOfRanks) {
  Workspace workspace;
  use_lora(workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const auto train = [&](const std::string& name, int ranks, int batch, int accumulation) {
    const Outcome outcome =
        workspace.train(name, ranks,
                        {"--max_train_steps=4", fmt::format("--train_batch_size={}", batch),
                         fmt::format("--gradient_accumulation_steps={}", accumulation)});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return workspace.metrics(name);
  };
  const auto expected = train("one", 1, 1, 4);
  const auto packed = train("packed", 1, 4, 1);
  const auto ranks = train("two", 2, 1, 2);
  for (const int64_t step : {1, 4}) {
    const auto loss = expected.at(step).at("train_loss").get<double>();
    EXPECT_NEAR(packed.at(step).at("train_loss").get<double>(), loss, kEqualLosses * loss);
    EXPECT_NEAR(ranks.at(step).at("train_loss").get<double>(), loss, kEqualLosses * loss);
  }
  workspace.config["lora_dropout"] = 0.0;
  EXPECT_NE(train("undropped", 1, 1, 4).at(4).at("train_loss"), expected.at(4).at("train_loss"));
}

TEST(Lokr, StartsFromWhatFitsOfAFileOfAnotherShape) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("first", 1, {"--max_train_steps=2"}).exit_code, 0);
  const fs::path file = workspace.path("lycoris_config.json");
  auto lycoris = nlohmann::json::parse(io::read_file(file));
  lycoris["apply_preset"]["module_algo_map"]["FeedForward"]["factor"] = 4;
  io::write_atomically(file, lycoris.dump());
  const Outcome refused = workspace.train("first", 1, {"--max_train_steps=3"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("use init_lora to start from its weights where"),
                                    HasSubstr("[C44]")));
  const Outcome taken = workspace.train(
      "second", 2, {"--max_train_steps=1", "--init_lora=" + workspace.output("first").string()});
  EXPECT_EQ(taken.exit_code, 0) << taken.output;
  EXPECT_THAT(taken.output,
              AllOf(HasSubstr("8 of 12 modules taken"), HasSubstr("4 modules start afresh")));
}

TEST(Lora, StartsFromAFileAndRefusesAnotherKindOfCheckpoint) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 1, {"--max_train_steps=5"}).exit_code, 0);
  use_lora(workspace);
  const Outcome other = workspace.train("run", 1, {"--max_train_steps=6"});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.output, HasSubstr("not the adapter that this configuration describes"));
  ASSERT_EQ(workspace.train("first", 1, {"--max_train_steps=2"}).exit_code, 0);
  const Outcome second = workspace.train(
      "second", 1, {"--max_train_steps=2", "--init_lora=" + workspace.output("first").string()});
  EXPECT_EQ(second.exit_code, 0) << second.output;
  EXPECT_NE(workspace.metrics("first").at(1).at("train_loss"),
            workspace.metrics("second").at(1).at("train_loss"));
}

class QuantisedBaseTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Precisions, QuantisedBaseTest,
                         ::testing::Values("int8-quanto", "int8-torchao", "int8-dynamic",
                                           "fp8-torchao", "nf4-bnb"));

TEST_P(QuantisedBaseTest, TrainsNearTheFullOneAndResumesBitForBit) {
  Workspace workspace;
  workspace.config["base_model_precision"] = GetParam();
  workspace.config["quantize_via"] = "cpu";
  expect_bit_exact_resume(
      workspace, {"pytorch_lora_weights.safetensors", "checkpoint-6/parameters.safetensors",
                  "checkpoint-6/optimizer.safetensors"});
  workspace.config["base_model_precision"] = "no_change";
  workspace.config["mixed_precision"] = "bf16";
  const Outcome full = workspace.train("full", 2, {"--max_train_steps=6"});
  ASSERT_EQ(full.exit_code, 0) << full.output;
  const auto loss = workspace.metrics("straight").at(6).at("train_loss").get<double>();
  const auto expected = workspace.metrics("full").at(6).at("train_loss").get<double>();
  EXPECT_NE(loss, expected);
  EXPECT_NEAR(loss, expected, 0.05 * expected);
}

TEST(QuantisedBase, CheckSaysWhatTheWeightsNeed) {
  Workspace workspace;
  workspace.config["base_model_precision"] = "nf4-bnb";
  use_lora(workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome =
      workspace.run(fmt::format("{}/omnigen-dist check --config config.json", OMNIGEN_BINARY_DIR));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("GiB as bf16, nf4-bnb weights"));
  EXPECT_THAT(outcome.output, HasSubstr("adapter: 8 modules"));
  EXPECT_THAT(outcome.output, HasSubstr("64x64: rank 4, scale 1"));
}

}  // namespace
}  // namespace omnigen::test
