#include "config/locate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "config/config_folder.h"

namespace omnigen::config {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

fs::path found(const CommandLine& line, std::map<std::string, std::string> values = {}) {
  return find_config_file(line, environment(std::move(values))).value_or("none");
}

std::string locate_error(const CommandLine& line, std::map<std::string, std::string> values = {}) {
  try {
    return "found " + found(line, std::move(values)).string();
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

TEST(Locate, CurrentFolderBeforeConfigFolder) {
  const ConfigFolder folder;
  ConfigFolder::write("config/config.json", "{}");
  EXPECT_EQ(found({}), "config/config.json");
  ConfigFolder::write("config.json", "{}");
  EXPECT_EQ(found({}), "config.json");
}

TEST(Locate, NothingFoundNamesTheFolders) {
  const ConfigFolder folder;
  EXPECT_THAT(locate_error({}),
              HasSubstr("no configuration found: looked for config.json, config.toml, "
                        "config.env in " +
                        fs::current_path().string()));
  EXPECT_THAT(locate_error({}), HasSubstr("[M01]"));
}

TEST(Locate, OptionsAloneAreEnough) {
  const ConfigFolder folder;
  CommandLine line;
  line.options = {{"seed", "1"}};
  EXPECT_EQ(found(line), "none");
}

TEST(Locate, ConfigMayBeFileFolderOrStem) {
  const ConfigFolder folder;
  ConfigFolder::write("runs/a/config.json", "{}");
  CommandLine line;
  for (const char* name : {"runs/a/config.json", "runs/a", "runs/a/config"}) {
    line.config = name;
    EXPECT_EQ(found(line), "runs/a/config.json") << name;
    EXPECT_EQ(found({}, {{"CONFIG_PATH", name}}), "runs/a/config.json") << name;
  }
  line.config = "runs/b";
  EXPECT_THAT(locate_error(line), HasSubstr("runs/b"));
}

TEST(Locate, EnvironmentFolder) {
  const ConfigFolder folder;
  ConfigFolder::write("config/lab/config.json", "{}");
  CommandLine line;
  line.environment = "lab";
  EXPECT_EQ(found(line), "config/lab/config.json");
  EXPECT_EQ(found({}, {{"ENV", "lab"}}), "config/lab/config.json");
  EXPECT_THAT(locate_error({}, {{"SIMPLETUNER_ENV", "foo"}}),
              AllOf(HasSubstr("environment \"foo\": none of config/foo/config.json"),
                    HasSubstr("Known: lab"), HasSubstr("[M02]")));
}

TEST(Locate, BackendCmdReadsNoFile) {
  const ConfigFolder folder;
  ConfigFolder::write("config.json", "{}");
  EXPECT_EQ(found({}, {{"CONFIG_BACKEND", "cmd"}}), "none");
}

TEST(Locate, OtherBackendsAreRefusedByName) {
  const ConfigFolder folder;
  ConfigFolder::write("config.json", "{}");
  for (const char* backend : {"env", "toml", "jsn"}) {
    EXPECT_THAT(locate_error({}, {{"CONFIG_BACKEND", backend}}),
                AllOf(HasSubstr(std::string("configuration backend \"") + backend),
                      HasSubstr("reads JSON only"), HasSubstr("[1.1]")));
  }
  EXPECT_EQ(found({}, {{"CONFIG_TYPE", "json"}}), "config.json");
  CommandLine line;
  line.config = "config.json";
  EXPECT_EQ(found(line, {{"CONFIG_BACKEND", "env"}}), "config.json");
}

TEST(Locate, FileBesideTheConfiguration) {
  const ConfigFolder folder;
  ConfigFolder::write("config/lycoris.json", "{}");
  EXPECT_FALSE(locate_file("elsewhere.json", "config").found);
  for (const char* name : {"lycoris.json", "a/b/lycoris.json"}) {
    const Located located = locate_file(name, "config");
    EXPECT_TRUE(located.found && located.beside_config) << name;
    EXPECT_EQ(located.path, "config/lycoris.json") << name;
  }
  EXPECT_FALSE(locate_file("/nowhere/lycoris.json", "config").found);
  EXPECT_FALSE(locate_file("config/lycoris.json", "config").beside_config);
}

TEST(Locate, MissingFileListsThePlacesAndOneNearby) {
  const ConfigFolder folder;
  ConfigFolder::write("config/multidatabackend.json", "[]");
  const std::string text =
      locate_file("config/omnigen/multidatabackend.json", "runs").missing_text();
  EXPECT_THAT(text,
              HasSubstr((fs::current_path() / "config/omnigen/multidatabackend.json").string()));
  EXPECT_THAT(text, HasSubstr((fs::current_path() / "runs/multidatabackend.json").string()));
  EXPECT_THAT(text, HasSubstr("There is a config/multidatabackend.json"));
}

TEST(Locate, FolderIsNotSoughtByItsLastName) {
  const ConfigFolder folder;
  fs::create_directories("config/cats");
  EXPECT_TRUE(locate_folder("cats", "config").beside_config);
  EXPECT_FALSE(locate_folder("data/cats", "config").found);
}

TEST(Locate, EnvironmentVariablesInText) {
  const Environment values = environment({{"A", "x"}});
  std::vector<std::string> unset;
  EXPECT_EQ(fill_environment("{env:A}/{env:B}/{id}{env:", values, &unset), "x//{id}{env:");
  EXPECT_THAT(unset, ElementsAre("B"));
}

}  // namespace
}  // namespace omnigen::config
