#include "adapter/name_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::adapter {
namespace {

bool regex_matches(const std::string& pattern, const std::string& name) {
  return NamePattern(pattern, NamePattern::Syntax::kRegex, "test").matches(name);
}
bool shell_matches(const std::string& pattern, const std::string& name) {
  return NamePattern(pattern, NamePattern::Syntax::kShell, "test").matches(name);
}

TEST(NamePattern, RegexIsAnchoredAtTheStartOnly) {
  EXPECT_TRUE(regex_matches("layers\\.1", "layers.1.mlp"));
  EXPECT_TRUE(regex_matches("layers.1", "layers.10"));
  EXPECT_FALSE(regex_matches("mlp", "layers.1.mlp"));
  EXPECT_FALSE(regex_matches("layers\\.1\\.mlp$", "layers.1.mlp.down_proj"));
}

TEST(NamePattern, ShellPatternCoversTheWholePath) {
  EXPECT_TRUE(shell_matches("layers.*.self_attn.to_[qk]", "layers.12.self_attn.to_q"));
  EXPECT_FALSE(shell_matches("layers.*.self_attn.to_[!qk]", "layers.12.self_attn.to_q"));
  EXPECT_FALSE(shell_matches("layers.1", "layers.1.mlp"));
}

TEST(NamePattern, ThePathItselfMatches) {
  EXPECT_TRUE(regex_matches("a+b", "a+b"));
}

TEST(NamePattern, RefusesWhatIsNotARegularExpression) {
  try {
    regex_matches("layers.(", "x");
    FAIL() << "accepted";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("\"layers.(\""));
  }
}

}  // namespace
}  // namespace omnigen::adapter
