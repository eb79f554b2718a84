#include "validate/baseline_losses.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::validate {
namespace {

EvalResult make_result() {
  EvalResult result;
  result.times = {0.25, 0.75};
  result.paths = {"a.png", "b\xFF.png"};  // any bytes
  result.losses = {{1.0 / 3.0, 0.1}, {2.0 / 7.0, 1e-9}};
  return result;
}

TEST(BaselineLosses, AreReadBackToTheLastBit) {
  const test::TempDir dir;
  BaselineLosses(dir.path()).save("set", "key", make_result());
  EXPECT_EQ(BaselineLosses(dir.path()).load("set", "key"), make_result().losses);
}

TEST(BaselineLosses, AreOfOneKeyAndDataSet) {
  const test::TempDir dir;
  const BaselineLosses store(dir.path());
  EXPECT_FALSE(store.load("set", "key").has_value());
  store.save("set", "key", make_result());
  EXPECT_FALSE(store.load("set", "other").has_value());
  EXPECT_FALSE(store.load("another", "key").has_value());
}

TEST(BaselineLosses, DamagedFileCountsAsMissing) {
  const test::TempDir dir;
  const BaselineLosses store(dir.path());
  for (const char* text : {"{", "[]", R"({"key": "key"})", R"({"key": "key", "losses": "none"})"}) {
    io::write_atomically(dir / "evaluation/untouched_set.json", text);
    EXPECT_FALSE(store.load("set", "key").has_value()) << text;
  }
}

TEST(BaselineKey, HoldsAllThatTheLossesDependOn) {
  const std::string key = baseline_key("weights", "data", {4, 28});
  EXPECT_EQ(key, baseline_key("weights", "data", {4, 28}));
  EXPECT_NE(key, baseline_key("others", "data", {4, 28}));
  EXPECT_NE(key, baseline_key("weights", "others", {4, 28}));
  EXPECT_NE(key, baseline_key("weights", "data", {5, 28}));
  EXPECT_NE(key, baseline_key("weights", "data", {4, 14}));
}

}  // namespace
}  // namespace omnigen::validate
