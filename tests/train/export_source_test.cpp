#include "train/export_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/export_fixture.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string source_refusal(const ExportRequest& request) {
  try {
    find_export_source(request);
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

void touch(const fs::path& path, const std::string& text = "{}") {
  io::write_atomically(path, text);
}

// A run of a whole model, names only.
void make_whole_run(const fs::path& run, bool with_ema) {
  touch(run / "simpletuner_config.json",
        nlohmann::json{{"use_ema", with_ema},
                       {"pretrained_model_name_or_path", tiny_model().string()}}
            .dump());
  touch(run / "pipeline/transformer/config.json");
  for (const char* name : {"checkpoint-5", "checkpoint-10"}) {
    touch(run / name / "training_state.json");
    touch(run / name / "transformer/config.json");
    if (with_ema) touch(run / name / "transformer_ema/config.json");
  }
}

TEST(ExportSource, AnAdaptersRunNamesItsModel) {
  const AdapterRun run(lokr_plan());
  const ExportSource source = find_export_source({.from = run.folder(), .model = ""});
  EXPECT_EQ(source.adapter, run.folder() / "pytorch_lora_weights.safetensors");
  EXPECT_EQ(source.weights, tiny_model());
  EXPECT_EQ(source.parts.vae_folder, tiny_model() / "vae");
}

TEST(ExportSource, AveragedWeightsLieInEma) {
  const AdapterRun lokr(lokr_plan());
  EXPECT_EQ(find_export_source({.from = lokr.folder(), .model = "", .average = true}).adapter,
            lokr.folder() / "ema/pytorch_lora_weights.safetensors");
  const AdapterRun lora(lora_plan());
  EXPECT_EQ(find_export_source({.from = lora.folder(), .model = "", .average = true}).adapter,
            lora.folder() / "ema/adapter_model.safetensors");
}

TEST(ExportSource, AFilesModelIsLookedForAboveItOrGiven) {
  const AdapterRun run(lokr_plan());
  const fs::path file = run.folder() / "ema/pytorch_lora_weights.safetensors";
  EXPECT_EQ(find_export_source({.from = file, .model = ""}).weights, tiny_model());
  fs::remove(run.folder() / "simpletuner_config.json");
  EXPECT_THAT(source_refusal({.from = file, .model = ""}), HasSubstr("give --model DIR"));
  EXPECT_EQ(find_export_source({.from = file, .model = tiny_model()}).weights, tiny_model());
}

TEST(ExportSource, AWholeModelsRunHoldsWhatItsPipelineHolds) {
  const test::TempDir dir;
  make_whole_run(dir / "plain", false);
  EXPECT_EQ(find_export_source({.from = dir / "plain", .model = ""}).weights,
            dir / "plain/pipeline");
  EXPECT_THAT(source_refusal({.from = dir / "plain", .model = "", .average = true}),
              HasSubstr("give --weights live"));
  make_whole_run(dir / "ema", true);
  EXPECT_EQ(find_export_source({.from = dir / "ema", .model = "", .average = true}).weights,
            dir / "ema/pipeline");
  const ExportSource live = find_export_source({.from = dir / "ema", .model = ""});
  EXPECT_EQ(live.weights, dir / "ema/checkpoint-10/transformer");
  EXPECT_EQ(live.parts.model_folder, tiny_model());
}

TEST(ExportSource, ACheckpointIsTakenAsItIs) {
  const test::TempDir dir;
  make_whole_run(dir / "run", true);
  EXPECT_EQ(
      find_export_source({.from = dir / "run/checkpoint-5", .model = "", .average = true}).weights,
      dir / "run/checkpoint-5/transformer_ema");
}

TEST(ExportSource, AnUnfinishedRunHasItsNewestCheckpoint) {
  const test::TempDir dir;
  make_whole_run(dir / "run", true);
  fs::remove_all(dir / "run/pipeline");
  EXPECT_EQ(find_export_source({.from = dir / "run", .model = ""}).weights,
            dir / "run/checkpoint-10/transformer");
}

TEST(ExportSource, AModelFolderIsConverted) {
  const ExportSource source = find_export_source({.from = tiny_model(), .model = ""});
  EXPECT_TRUE(source.adapter.empty());
  EXPECT_EQ(source.weights, tiny_model());
}

TEST(ExportSource, SaysWhatItLookedFor) {
  const test::TempDir dir;
  EXPECT_THAT(source_refusal({.from = dir / "nothing", .model = ""}), HasSubstr("not there"));
  EXPECT_THAT(source_refusal({.from = dir.path(), .model = ""}),
              HasSubstr("neither an adapter's file, a whole model nor a checkpoint"));
}

}  // namespace
}  // namespace omnigen::train
