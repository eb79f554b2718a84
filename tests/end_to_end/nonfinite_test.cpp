// What is not finite: named, skipped by all ranks or ending the run, with what was saved before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "support/golden.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::map<std::string, at::Tensor> tensors_of(const io::SafetensorsReader& reader) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, info] : reader.tensors()) tensors[name] = reader.tensor(name).clone();
  return tensors;
}

// A workspace whose latents are kept file by file, so that one can be spoilt.
class Nonfinite : public ::testing::Test {
 protected:
  Nonfinite() {
    workspace_.config["vae_cache_ondemand"] = true;
    workspace_.config["gradient_accumulation_steps"] = 5;  // two steps are an epoch of 10 samples
    workspace_.config["checkpointing_steps"] = 1;
  }
  // Draws every picture once, so that its latent is there.
  void encode_all() {
    const Outcome outcome = workspace_.train("encode", 1, {"--max_train_steps=2"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  void spoil_latent(const std::string& picture) const {
    for (const auto& entry : fs::recursive_directory_iterator(workspace_.path("cache"))) {
      if (entry.path().extension() != ".safetensors") continue;
      auto metadata = io::SafetensorsReader(entry.path()).metadata();
      if (metadata.at("path") != picture) continue;
      auto tensors = tensors_of(io::SafetensorsReader(entry.path()));
      tensors.at("latent")[0][0][0] = NAN;
      io::write_safetensors(entry.path(), tensors, metadata);
      return;
    }
    FAIL() << "no latent of " << picture;
  }

  Workspace workspace_;
};

TEST_F(Nonfinite, ALatentIsNamedAndItsStepSkippedByAllRanks) {
  encode_all();
  spoil_latent("png_rgb8.png");
  const Outcome outcome = workspace_.train(
      "run", 2,
      {"--max_train_steps=4", "--gradient_accumulation_steps=1", "--skip_nonfinite_steps=true"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("loss is not finite on 1 of 2 samples: "
                                              "pictures/png_rgb8.png; all ranks skip this step"),
                                    HasSubstr("training complete: 4 steps")));
  for (const auto& [name, value] : tensors_of(
           io::SafetensorsReader(workspace_.output("run") / "pytorch_lora_weights.safetensors"))) {
    EXPECT_TRUE(value.isfinite().all().item<bool>()) << name;
  }
}

TEST_F(Nonfinite, WithoutLeaveTheFirstOneEndsTheRunAndNamesTheLastCheckpoint) {
  encode_all();
  ASSERT_EQ(workspace_.train("run", 2, {"--max_train_steps=1"}).exit_code, 0);
  spoil_latent("webp_lossy.webp");
  const Outcome outcome = workspace_.train("run", 2, {"--max_train_steps=9"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("pictures/webp_lossy.webp"), HasSubstr("last good checkpoint: "),
                    Not(HasSubstr("last good checkpoint: none"))));
  EXPECT_TRUE(fs::exists(workspace_.output("run") / "checkpoint-1/checkpoint_manifest.json"));
}

TEST_F(Nonfinite, ABaseWeightSpoilsEveryStepAndNoMoreThanTheAllowedAreTried) {
  fs::copy(golden_dir() / "tiny-omnigen", workspace_.path("model"), fs::copy_options::recursive);
  const fs::path file = workspace_.path("model/transformer/diffusion_pytorch_model.safetensors");
  auto tensors = tensors_of(io::SafetensorsReader(file));
  tensors.at("norm.weight")[0] = NAN;
  io::write_safetensors(file, tensors);
  workspace_.config["pretrained_model_name_or_path"] = workspace_.path("model").string();
  const Outcome outcome =
      workspace_.train("run", 2, {"--max_train_steps=9", "--max_nonfinite_steps=2"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("step 1: loss is not finite on 10 of 10 samples"),
                    HasSubstr("step 3: loss is not finite"),
                    HasSubstr("3 such steps in a row, max_nonfinite_steps allows 2")));
}

}  // namespace
}  // namespace omnigen::test
