#include "train/configure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ConfigureVerb : public ::testing::Test {
 protected:
  ConfigureVerb() : before_(fs::current_path()) { fs::current_path(dir_.path()); }
  ~ConfigureVerb() override { fs::current_path(before_); }

  // What it ends with; empty: a set was written.
  std::string run(const std::vector<std::string>& args, const std::string& typed = "") {
    std::istringstream in(typed);
    std::ostringstream out;
    std::string error;
    try {
      write_configuration(parse_configure(args), in, out);
    } catch (const util::ConfigError& caught) {
      error = caught.what();
    }
    said_ = out.str();
    return error;
  }

  static size_t num_entries(const fs::path& folder) {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

  std::string said_;

 private:
  test::TempDir dir_;
  fs::path before_;
};

TEST_F(ConfigureVerb, PathIsAFileOrItsFolder) {
  EXPECT_EQ(parse_configure({}).config, fs::current_path() / "config/config.json");
  EXPECT_EQ(parse_configure({"runs/a"}).config, fs::current_path() / "runs/a/config.json");
  EXPECT_EQ(parse_configure({"b.json"}).config, fs::current_path() / "b.json");
  EXPECT_EQ(parse_configure({"--out", "d"}).config, fs::current_path() / "d/config.json");
  EXPECT_EQ(parse_configure({"--out=d"}).earlier, "");
}

TEST_F(ConfigureVerb, UnknownArgumentsAreRefused) {
  EXPECT_THAT(run({"--force"}), AllOf(HasSubstr("what is \"--force\"?"), HasSubstr("Usage:")));
  EXPECT_THAT(run({"a", "b"}), HasSubstr("what is \"b\"?"));
  EXPECT_THAT(run({"--out"}), HasSubstr("--out needs a value"));
}

TEST_F(ConfigureVerb, EmptyLinesWriteTheWholeSet) {
  ASSERT_EQ(run({"--out", "set"}, std::string(60, '\n')), "");
  for (const char* name : {"config.json", "lycoris_config.json", "multidatabackend.json"}) {
    EXPECT_TRUE(fs::exists(fs::path("set") / name)) << name;
    EXPECT_THAT(said_,
                HasSubstr(std::string("wrote ") + (fs::current_path() / "set" / name).string()));
  }
  EXPECT_THAT(said_, HasSubstr("trained parameters: 42504192"));
  EXPECT_TRUE(fs::is_directory("output/models"));
}

TEST_F(ConfigureVerb, TheEndOfTheInputWritesNothing) {
  EXPECT_THAT(run({"--out", "set"}, std::string(10, '\n')), HasSubstr("nothing was written"));
  EXPECT_EQ(num_entries("."), 0U);
}

TEST_F(ConfigureVerb, AnswersComeFromAFile) {
  std::ofstream("answers.json") << R"({"max_train_steps": 300, "subject": "a dog"})";
  ASSERT_EQ(run({"--answers", "answers.json", "--out", "set"}), "");
  const auto config = nlohmann::json::parse(io::read_file("set/config.json"));
  EXPECT_EQ(config.at("max_train_steps"), 300);
  EXPECT_TRUE(fs::exists("set/user_prompt_library.json"));
  std::ofstream("answers.json") << "{\"seed\": 1,}";
  EXPECT_THAT(run({"--answers", "answers.json"}), HasSubstr("answers.json:1:"));
}

TEST_F(ConfigureVerb, AFileThatIsThereIsShownAndKeptWithoutConsent) {
  fs::create_directories("set");
  std::ofstream("set/config.json") << "{\"max_train_steps\": 77}\n";
  EXPECT_THAT(run({"--out", "set"}, std::string(60, '\n')), HasSubstr("is not to be overwritten"));
  EXPECT_THAT(said_, AllOf(HasSubstr("config.json is there:\n{\"max_train_steps\": 77}"),
                           HasSubstr("Overwrite 1 file (kept as ")));
  EXPECT_EQ(io::read_file("set/config.json"), "{\"max_train_steps\": 77}\n");
  EXPECT_EQ(num_entries("set"), 1U);
}

TEST_F(ConfigureVerb, WithConsentItIsKeptAside) {
  fs::create_directories("set");
  std::ofstream("set/config.json") << "{\"max_train_steps\": 77}\n";
  std::ofstream("answers.json") << R"({"overwrite": true})";
  ASSERT_EQ(run({"--answers=answers.json", "--out=set"}), "");
  EXPECT_EQ(nlohmann::json::parse(io::read_file("set/config.json")).at("max_train_steps"), 77);
  fs::path backup;
  for (const auto& entry : fs::directory_iterator("set")) {
    if (entry.path().filename().string().starts_with("config.json.bak-")) backup = entry.path();
  }
  ASSERT_FALSE(backup.empty());
  EXPECT_EQ(io::read_file(backup), "{\"max_train_steps\": 77}\n");
}

TEST_F(ConfigureVerb, TheSameSetAgainNeedsNoConsent) {
  ASSERT_EQ(run({"--defaults", "--out", "set"}), "");
  EXPECT_EQ(run({"--defaults", "--out", "set"}), "");
  EXPECT_EQ(num_entries("set"), 3U);
}

}  // namespace
}  // namespace omnigen::train
