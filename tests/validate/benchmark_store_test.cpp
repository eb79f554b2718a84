#include "validate/benchmark_store.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::validate {
namespace {

class BenchmarkStoreTest : public ::testing::Test {
 protected:
  BenchmarkStoreTest() {
    options_.prompts = {{"cat", "A cat", {1, 5}, std::nullopt}};
    options_.negative = {"", "blurry", {1, 6}, std::nullopt};
    options_.resolutions = {{64, 48}};
    options_.base_weights_id = "weights";
  }

  static RenderItem first_item(const ValidateOptions& options) { return plan_items(options)[0]; }

  test::TempDir dir_;
  ValidateOptions options_;
};

TEST_F(BenchmarkStoreTest, SavedImageIsCurrentInTheNextRun) {
  BenchmarkStore(dir_.path()).save(options_, first_item(options_), "png bytes");
  const BenchmarkStore store(dir_.path());
  EXPECT_TRUE(store.is_current(options_, first_item(options_)));
  EXPECT_EQ(store.load(options_, first_item(options_)), "png bytes");
  EXPECT_EQ(io::read_file(dir_.path() / "benchmarks" / "base_model" / "cat_64x48.png"),
            "png bytes");
}

TEST_F(BenchmarkStoreTest, EverythingThatPixelsDependOnCounts) {
  BenchmarkStore store(dir_.path());
  store.save(options_, first_item(options_), "png bytes");
  const std::vector<std::function<void(ValidateOptions&)>> changes = {
      [](auto& o) { o.prompts[0].text = "A dog"; },
      [](auto& o) { o.negative.text = "ugly"; },
      [](auto& o) { o.sampler.num_steps += 1; },
      [](auto& o) { o.sampler.guidance += 0.5; },
      [](auto& o) { o.sampler.guidance_rescale = 0.7; },
      [](auto& o) { o.sampler.shift = 3.0; },
      [](auto& o) { o.seed += 1; },
      [](auto& o) { o.resolutions[0].width = 80; },
      [](auto& o) { o.base_weights_id = "others"; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    ValidateOptions changed = options_;
    changes[i](changed);
    EXPECT_FALSE(store.is_current(changed, first_item(changed))) << "change " << i;
    EXPECT_EQ(store.load(changed, first_item(changed)), "") << "change " << i;
  }
  EXPECT_TRUE(store.is_current(options_, first_item(options_)));
}

TEST_F(BenchmarkStoreTest, StrengthAndStepDoNotCount) {
  BenchmarkStore store(dir_.path());
  store.save(options_, first_item(options_), "png bytes");
  options_.adapter_strength = 0.3;
  EXPECT_TRUE(store.is_current(options_, first_item(options_)));
}

TEST_F(BenchmarkStoreTest, MissingFileIsNotCurrent) {
  BenchmarkStore store(dir_.path());
  store.save(options_, first_item(options_), "png bytes");
  std::filesystem::remove(dir_.path() / "benchmarks" / "base_model" / "cat_64x48.png");
  EXPECT_FALSE(store.is_current(options_, first_item(options_)));
}

TEST_F(BenchmarkStoreTest, DamagedRecordCountsAsEmpty) {
  BenchmarkStore(dir_.path()).save(options_, first_item(options_), "png bytes");
  for (const char* text : {"{", "[1]", "{\"cat_64x48.png\": 7}"}) {
    io::write_atomically(dir_.path() / "benchmarks" / "base_model" / "benchmark.json", text);
    EXPECT_FALSE(BenchmarkStore(dir_.path()).is_current(options_, first_item(options_))) << text;
  }
}

}  // namespace
}  // namespace omnigen::validate
