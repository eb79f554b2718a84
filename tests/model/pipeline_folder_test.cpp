#include "model/pipeline_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;

const fs::path kModel = test::golden_dir() / "tiny-omnigen";

void expect_same_file(const fs::path& a, const fs::path& b) {
  ASSERT_TRUE(fs::exists(a)) << a;
  EXPECT_EQ(io::read_file(a), io::read_file(b)) << a;
}

TEST(PipelineFolder, CopiesEverythingBesideTheTransformer) {
  const test::TempDir dir;
  copy_pipeline_parts({kModel, kModel / "vae"}, dir.path());
  for (const char* file :
       {"model_index.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer.json",
        "vae/config.json", "vae/diffusion_pytorch_model.safetensors"}) {
    expect_same_file(dir / file, kModel / file);
  }
  EXPECT_FALSE(fs::exists(dir / "transformer"));
}

// The original layout has its tokenizer beside the weights, and no scheduler.
TEST(PipelineFolder, MakesWhatTheOriginalLayoutLacks) {
  const test::TempDir dir;
  copy_original_parts({kModel, kModel / "vae"}, dir / "original");
  EXPECT_TRUE(fs::exists(dir / "original/tokenizer.json"));
  EXPECT_FALSE(fs::exists(dir / "original/tokenizer"));
  copy_pipeline_parts({dir / "original", dir / "original/vae"}, dir / "diffusers");
  for (const char* file : {"tokenizer/tokenizer.json", "vae/config.json"}) {
    expect_same_file(dir / "diffusers" / file, kModel / file);
  }
  for (const char* file : {"model_index.json", "scheduler/scheduler_config.json"}) {
    EXPECT_EQ(test::read_json(dir / "diffusers" / file), test::read_json(kModel / file)) << file;
  }
}

TEST(PipelineFolder, FollowsLinks) {
  const test::TempDir dir;
  fs::create_directories(dir / "model/tokenizer");
  fs::create_symlink(kModel / "tokenizer/tokenizer.json", dir / "model/tokenizer/tokenizer.json");
  copy_pipeline_parts({dir / "model", kModel / "vae"}, dir / "copy");
  EXPECT_FALSE(fs::is_symlink(dir / "copy/tokenizer/tokenizer.json"));
  expect_same_file(dir / "copy/tokenizer/tokenizer.json", kModel / "tokenizer/tokenizer.json");
}

TEST(PipelineFolder, SaysWhatIsMissing) {
  const test::TempDir dir;
  try {
    copy_pipeline_parts({dir.path(), kModel / "vae"}, dir / "copy");
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("neither tokenizer/tokenizer.json nor"));
  }
  EXPECT_THROW(copy_pipeline_parts({kModel, dir / "vae"}, dir / "copy"), util::DataError);
}

}  // namespace
}  // namespace omnigen::model
