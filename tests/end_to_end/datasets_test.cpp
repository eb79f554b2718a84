// Several data sets at once: the reference run's two files, masks, encoding on demand, the ledger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "data/image_decode.h"
#include "data/image_encode.h"
#include "end_to_end/workspace.h"
#include "io/atomic_file.h"
#include "support/golden.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A data-set file of the reference run, with the workspace's pictures and sizes to match.
nlohmann::json reference_datasets(const Workspace& workspace, const std::string& file) {
  auto datasets = read_json(fs::path(OMNIGEN_SOURCE_DIR) / "tests/config/reference_run" / file);
  for (nlohmann::json& entry : datasets) {
    if (!entry.contains("instance_data_dir")) continue;
    entry["instance_data_dir"] = workspace.path("pictures").string();
    entry["resolution"] = entry.at("resolution") == 1024 ? 64 : 48;
    entry["minimum_image_size"] = 16;
    for (const char* key : {"maximum_image_size", "target_downsample_size"}) entry[key] = 96;
    if (entry.value("repeats", 0) > 0) entry["repeats"] = 1;
  }
  return datasets;
}

// Draws by "data set id/path".
std::map<std::string, int64_t> ledger(const Workspace& workspace, const std::string& run) {
  std::map<std::string, int64_t> draws;
  std::ifstream rows(workspace.output(run) / "logs/samples.jsonl");
  for (std::string line; std::getline(rows, line);) {
    const auto row = nlohmann::json::parse(line);
    for (const auto& name : row.at("samples")) ++draws[name.get<std::string>()];
  }
  return draws;
}

void expect_equal_series(const Workspace& workspace, const std::string& series) {
  int compared = 0;
  const auto four = workspace.metrics("four");
  for (const auto& [step, row] : workspace.metrics("one")) {
    if (!row.contains(series)) continue;
    const double expected = row.at(series).get<double>();
    EXPECT_NEAR(four.at(step).at(series).get<double>(), expected, kEqualLosses * expected)
        << series << " step " << step;
    ++compared;
  }
  EXPECT_GT(compared, 0) << series;
}

void train_on_one_and_four_ranks(Workspace& workspace) {
  workspace.config["max_train_steps"] = 10;
  workspace.config["eval_steps_interval"] = 5;
  const Outcome one = workspace.train("one", 1, {"--gradient_accumulation_steps=4"});
  ASSERT_EQ(one.exit_code, 0) << one.output;
  const Outcome four = workspace.train("four", 4);
  ASSERT_EQ(four.exit_code, 0) << four.output;
}

TEST(DataSets, TheSubjectFileTrainsAllThreeTheSameAtAnyNumberOfRanks) {
  Workspace workspace;
  workspace.datasets = reference_datasets(workspace, "multidatabackend.subject.json");
  workspace.config["print_filenames"] = true;
  ASSERT_EQ(workspace.build_cache(2).exit_code, 0);
  train_on_one_and_four_ranks(workspace);
  expect_equal_series(workspace, "train_loss");
  expect_equal_series(workspace, "regularisation_loss");
  std::map<std::string, int64_t> draws;
  for (const auto& [name, count] : ledger(workspace, "four")) {
    draws[name.substr(0, name.find('/'))] += count;
  }
  EXPECT_EQ(draws.size(), 3U);
  EXPECT_GT(draws["pseudo-camera-10k-omnigen"], 0);
}

TEST(DataSets, TheEvalFileMeasuresAndNeverTrainsItsEvalSet) {
  Workspace workspace;
  workspace.datasets = reference_datasets(workspace, "multidatabackend.eval.json");
  workspace.config["print_filenames"] = true;
  workspace.config["num_eval_images"] = 2;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  train_on_one_and_four_ranks(workspace);
  expect_equal_series(workspace, "train_loss");
  expect_equal_series(workspace, "loss/val/omnigen-eval");
  for (const auto& [name, count] : ledger(workspace, "one")) {
    EXPECT_THAT(name, ::testing::StartsWith("something-special-to-remember-by/"));
  }
}

TEST(DataSets, RegularisationLossIsZeroWhileTheAdapterHasNoEffect) {
  Workspace workspace;
  workspace.datasets.push_back(workspace.datasets[0]);
  workspace.datasets[1]["id"] = "prior";
  workspace.datasets[1]["is_regularisation_data"] = true;
  workspace.datasets[1]["cache_dir_vae"] = workspace.path("cache-prior").string();
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome =
      workspace.train("run", 1, {"--max_train_steps=5", "--gradient_accumulation_steps=10"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(workspace.metrics("run").at(1).at("regularisation_loss"), 0.0);
  EXPECT_GT(workspace.metrics("run").at(5).at("regularisation_loss").get<double>(), 0.0);
}

TEST(DataSets, EverySampleIsDrawnExactlyAsOftenAsItShouldBe) {
  Workspace workspace;
  auto second = workspace.datasets[0];
  second["id"] = "often";
  second["repeats"] = 2;
  second["resolution"] = 48;
  second["cache_dir_vae"] = workspace.path("cache-often").string();
  workspace.datasets.push_back(second);
  workspace.config["print_filenames"] = true;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  // 25 samples an epoch: 3 epochs are 75 = 15 batches of 5.
  for (const int ranks : {1, 5}) {
    const std::string name = fmt::format("ranks{}", ranks);
    const Outcome outcome = workspace.train(
        name, ranks,
        {"--max_train_steps=15", fmt::format("--gradient_accumulation_steps={}", 5 / ranks)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const auto draws = ledger(workspace, name);
    EXPECT_EQ(draws.size(), 10U);
    for (const auto& [sample, count] : draws) {
      EXPECT_EQ(count, sample.starts_with("often/") ? 9 : 6) << sample;
    }
  }
  EXPECT_EQ(ledger(workspace, "ranks1"), ledger(workspace, "ranks5"));
}

TEST(DataSets, WithoutACacheImagesAreEncodedAsTheyAreDrawn) {
  Workspace workspace;
  workspace.config["vae_cache_ondemand"] = true;
  workspace.config["gradient_accumulation_steps"] = 5;
  workspace.config["max_train_steps"] = 6;  // three epochs
  const Outcome first = workspace.train("first", 2);
  ASSERT_EQ(first.exit_code, 0) << first.output;
  EXPECT_THAT(first.output, HasSubstr("encoded when they are first drawn"));
  int64_t kept = 0;
  for (const auto& entry : fs::recursive_directory_iterator(workspace.path("cache"))) {
    kept += entry.path().extension() == ".safetensors" ? 1 : 0;
  }
  EXPECT_EQ(kept, 5);
  // With the latents there, and with a cache, the run is the same.
  ASSERT_EQ(workspace.train("again", 1, {"--gradient_accumulation_steps=10"}).exit_code, 0);
  workspace.config["vae_batch_size"] = 1;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("cached", 2).exit_code, 0);
  const auto expected = workspace.metrics("cached").at(6).at("train_loss").get<double>();
  for (const char* name : {"first", "again"}) {
    EXPECT_NEAR(workspace.metrics(name).at(6).at("train_loss").get<double>(), expected,
                kEqualLosses * expected)
        << name;
  }
}

TEST(DataSets, MasksDecideWhatIsLearntFrom) {
  Workspace workspace;
  fs::create_directories(workspace.path("masks"));
  const auto write_masks = [&](uint8_t level) {
    for (const auto& entry : fs::directory_iterator(workspace.path("pictures"))) {
      if (entry.path().extension() == ".txt") continue;
      data::Image mask = data::decode_image_file(entry.path()).image;
      std::fill(mask.pixels.begin(), mask.pixels.end(), level);
      io::write_atomically(workspace.path("masks") / entry.path().filename(),
                           data::encode_png(mask));
    }
  };
  const auto loss = [&](const std::string& run) {
    const Outcome outcome = workspace.train(run, 1, {"--max_train_steps=1"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return workspace.metrics(run).at(1).at("train_loss").get<double>();
  };
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const double whole = loss("plain");
  workspace.datasets[0]["conditioning_data"] = "masks";
  workspace.datasets.push_back({{"id", "masks"},
                                {"dataset_type", "conditioning"},
                                {"conditioning_type", "mask"},
                                {"instance_data_dir", workspace.path("masks").string()}});
  write_masks(255);
  EXPECT_NEAR(loss("white"), whole, 1e-6 * whole);
  write_masks(51);
  EXPECT_NEAR(loss("grey"), 0.2 * whole, 1e-6 * whole);
  fs::remove(workspace.path("masks/png_rgb8.png"));
  const Outcome missing = workspace.train("missing", 1);
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.output, HasSubstr("dataset masks: no mask for png_rgb8.png"));
}

}  // namespace
}  // namespace omnigen::test
