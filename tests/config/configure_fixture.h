// `configure` without a terminal: answers by name, and surroundings of a test's choice.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "config/configure.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::config {

class ConfigureFixture : public ::testing::Test {
 protected:
  ConfigureFixture() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(dir_.path());
    around.environment = [this](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    };
    around.folder = dir_ / "set";
    around.free_bytes = [this](const std::filesystem::path&) { return free; };
    around.num_images = [this](const std::filesystem::path&) { return images; };
    around.num_adapter_parameters = [](const Json&) { return int64_t{42'504'192}; };
    around.num_model_parameters = 3'876'716'544;
    variables["HOME"] = dir_.path();
  }
  ~ConfigureFixture() override { std::filesystem::current_path(before_); }

  ConfigureFiles made(const Json& answers, const Json& earlier = Json::object()) {
    std::ostringstream out;
    Interview talk(answers, out);
    ConfigureFiles files = ask_all(around, earlier, talk);
    asked.insert(talk.asked().begin(), talk.asked().end());
    said = out.str();
    return files;
  }

  // What listed answers end with; empty: they are taken.
  std::string refusal(const Json& answers) {
    try {
      made(answers);
      return "";
    } catch (const util::ConfigError& error) {
      return error.what();
    }
  }

  std::map<std::string, std::string> variables;
  std::optional<double> free = 1e15;
  int64_t images = 100;
  Surroundings around;
  std::set<std::string> asked;
  std::string said;

 private:
  test::TempDir dir_;
  std::filesystem::path before_;
};

}  // namespace omnigen::config
