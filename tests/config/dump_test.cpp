#include "config/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/assign_keys.h"

namespace omnigen::config {
namespace {

using ::testing::HasSubstr;

// To renew the page: OMNIGEN_RENEW_DOCS=1 config_test --gtest_filter=Dump.*
TEST(Dump, PageOfKeysIsFresh) {
  const std::filesystem::path path = std::filesystem::path(OMNIGEN_SOURCE_DIR) / "docs/config.md";
  if (std::getenv("OMNIGEN_RENEW_DOCS") != nullptr) std::ofstream(path) << config_markdown();
  std::ifstream stream(path);
  std::ostringstream page;
  page << stream.rdbuf();
  EXPECT_EQ(page.str(), config_markdown()) << "docs/config.md is stale; see above how to renew it";
}

TEST(Dump, HelpNamesEveryKeyWithDefaultAndMeaning) {
  const std::string help = help_text();
  for (const std::string& key : key_names()) EXPECT_THAT(help, HasSubstr("--" + key + " ("));
  EXPECT_THAT(help, HasSubstr("--lr_power (real, default 0.8, above 0): Exponent of polynomial."));
  EXPECT_THAT(help, HasSubstr("--use_ema (bool, default false): "));
  EXPECT_THAT(help, HasSubstr("--max_grad_norm (real, default 2.0, at least 0): "));
}

TEST(Dump, EveryHelpIsASentence) {
  std::istringstream lines(help_text());
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("  --", 0) != 0) continue;
    EXPECT_EQ(line.back(), '.') << line;
  }
}

TEST(Dump, PageListsDataSetKeysAndOtherSpellings) {
  const std::string page = config_markdown();
  EXPECT_THAT(page, HasSubstr("| `is_regularisation_data` | bool | false |"));
  EXPECT_THAT(page, HasSubstr("| `checkpointing_steps` | `checkpoint_step_interval` |"));
  EXPECT_THAT(page, HasSubstr("`validation_torch_compile`"));
  EXPECT_THAT(page, HasSubstr("`publishing_config`"));
}

}  // namespace
}  // namespace omnigen::config
