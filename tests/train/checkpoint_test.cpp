#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "adapter/lokr_file.h"
#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "train/best_checkpoint.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

CheckpointContents make_contents(float value = 1.0F) {
  CheckpointContents contents;
  contents.adapter =
      adapter::lokr_files({{"algo", "lokr"}},
                          {{"lycoris_a.lokr_w1", at::full({2, 2}, value, at::kBFloat16)},
                           {"lycoris_a.alpha", at::tensor(4.0F).to(at::kBFloat16)}},
                          {});
  contents.parameters["a.lokr_w1"] = at::full({2, 2}, value + 0.001F);
  contents.optimizer["a.lokr_w1.exp_avg"] = at::full({2, 2}, value * 2);
  contents.ema = contents.adapter;
  contents.ema_state["a.lokr_w1"] = at::full({2, 2}, value * 3);
  contents.training_state = {{"step", 10}};
  return contents;
}

std::vector<std::string> names(const std::vector<fs::path>& paths) {
  std::vector<std::string> result;
  for (const fs::path& path : paths) result.push_back(path.filename().string());
  return result;
}

void flip_byte(const fs::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-1, std::ios::end);
  const char byte = static_cast<char>(file.peek() ^ 1);
  file.seekp(-1, std::ios::end);
  file.put(byte);
}

TEST(Checkpoint, SurvivesSaveAndLoadBitForBit) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {});
  const LoadedCheckpoint loaded = load_checkpoint(store.save(10, make_contents()));
  const CheckpointContents expected = make_contents();
  EXPECT_TENSOR_EQ(loaded.adapter.at("lycoris_a.lokr_w1"),
                   expected.adapter.tensors.at("lycoris_a.lokr_w1"));
  EXPECT_TENSOR_EQ(loaded.parameters.at("a.lokr_w1"), expected.parameters.at("a.lokr_w1"));
  EXPECT_TENSOR_EQ(loaded.optimizer.at("a.lokr_w1.exp_avg"),
                   expected.optimizer.at("a.lokr_w1.exp_avg"));
  EXPECT_TENSOR_EQ(loaded.ema_state.at("a.lokr_w1"), expected.ema_state.at("a.lokr_w1"));
  EXPECT_EQ(loaded.training_state, expected.training_state);
}

TEST(Checkpoint, DeletesDamagedOnesWhereWanted) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {0, 1});
  for (const int64_t step : {5, 10}) store.save(step, make_contents());
  std::filesystem::resize_file(dir / "checkpoint-10/optimizer.safetensors", 10);
  EXPECT_EQ(store.latest()->filename(), "checkpoint-5");
  EXPECT_TRUE(std::filesystem::exists(dir / "checkpoint-10"));
  EXPECT_EQ(store.latest(true)->filename(), "checkpoint-5");
  EXPECT_EQ(names(store.list()), std::vector<std::string>{"checkpoint-5"});
}

TEST(Checkpoint, KeepsTheNewestWithinTheLimit) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {3, 1});
  for (const int64_t step : {2, 4, 6, 8, 10}) store.save(step, make_contents());
  store.save(9, make_contents(), CheckpointKind::kRolling);
  store.save(11, make_contents(), CheckpointKind::kRolling);
  EXPECT_EQ(names(store.list()),
            (std::vector<std::string>{"checkpoint-6", "checkpoint-8", "checkpoint-10",
                                      "checkpoint-11-rolling"}));
}

TEST(Checkpoint, LimitSparesTheBest) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {2, 1});
  store.save(2, make_contents());
  write_best_checkpoint(dir.path(), {"checkpoint-2", 2, 0.5, 0.1, 0.01, "hash"});
  for (const int64_t step : {4, 6, 8}) store.save(step, make_contents());
  EXPECT_EQ(names(store.list()),
            (std::vector<std::string>{"checkpoint-2", "checkpoint-6", "checkpoint-8"}));
  write_best_checkpoint(dir.path(), {"checkpoint-8", 8, 0.4, 0.1, 0.01, "hash"});
  store.save(10, make_contents());
  EXPECT_EQ(names(store.list()), (std::vector<std::string>{"checkpoint-8", "checkpoint-10"}));
}

TEST(Checkpoint, SupersededBestsGoAndCountInNoLimit) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {2, 1});
  store.save(2, make_contents());
  store.save(3, make_contents(), CheckpointKind::kBest);
  store.save(4, make_contents());
  store.save(5, make_contents(), CheckpointKind::kBest);
  write_best_checkpoint(dir.path(), {"checkpoint-5-best", 5, 0.5, {}, {}, "hash"});
  store.remove_superseded_best();
  EXPECT_EQ(names(store.list()),
            (std::vector<std::string>{"checkpoint-2", "checkpoint-4", "checkpoint-5-best"}));
  EXPECT_EQ(store.latest()->filename(), "checkpoint-5-best");
  EXPECT_EQ(checkpoint_step(*store.latest()), 5);
}

TEST(Checkpoint, LatestPassesOverDamagedOnes) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {});
  for (const int64_t step : {5, 10, 15, 20}) store.save(step, make_contents());
  flip_byte(dir / "checkpoint-20/optimizer.safetensors");
  fs::resize_file(dir / "checkpoint-15/parameters.safetensors", 40);
  fs::remove(dir / "checkpoint-10/checkpoint_manifest.json");
  EXPECT_EQ(store.latest()->filename(), "checkpoint-5");
}

TEST(Checkpoint, IgnoresUnfinishedAndForeignFolders) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {});
  fs::create_directories(dir / "checkpoint-30.tmp");
  fs::create_directories(dir / "checkpoints");
  fs::create_directories(dir / "checkpoint-old");
  EXPECT_FALSE(store.latest());
  EXPECT_TRUE(store.list().empty());
}

TEST(Checkpoint, NamedFindsByLastComponentOrListsWhatIsThere) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {});
  store.save(5, make_contents());
  EXPECT_EQ(store.named("/elsewhere/checkpoint-5").filename(), "checkpoint-5");
  try {
    static_cast<void>(store.named("checkpoint-6"));
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("present: checkpoint-5"));
  }
}

TEST(Checkpoint, NamesTheDamagedFile) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {});
  store.save(5, make_contents());
  flip_byte(dir / "checkpoint-5/ema/ema_state.safetensors");
  try {
    static_cast<void>(store.named("checkpoint-5"));
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("ema/ema_state.safetensors is damaged"));
  }
}

TEST(Checkpoint, RefusesAManifestOfAnotherVersion) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {});
  store.save(5, make_contents());
  io::write_atomically(dir / "checkpoint-5/checkpoint_manifest.json",
                       R"({"version": 2, "files": []})");
  EXPECT_THROW(CheckpointStore::verify(dir / "checkpoint-5"), util::DataError);
}

TEST(Checkpoint, AFailedSaveLeavesEarlierOnes) {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), {1, 1});
  store.save(5, make_contents());
  CheckpointContents broken = make_contents();
  broken.parameters["a.bad"] =
      at::quantize_per_tensor(at::zeros({2}), 1.0, 0, at::kQInt8);  // no such safetensors type
  EXPECT_THROW(store.save(6, broken), util::Error);
  EXPECT_EQ(names(store.list()), std::vector<std::string>{"checkpoint-5"});
  EXPECT_FALSE(fs::exists(dir / "checkpoint-6.tmp"));
}

}  // namespace
}  // namespace omnigen::train
