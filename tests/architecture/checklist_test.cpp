// docs/checklist.md names tests and pages that exist, and leaves no MUST without any.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace omnigen {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = OMNIGEN_SOURCE_DIR;

// "Suite.Name" of every test in tests/.
std::set<std::string> tests_of_the_tree() {
  static const std::regex kTest("^(?:TYPED_)?TEST(?:_F|_P)?\\((\\w+), *(\\w+)\\) *\\{?.*");
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    std::ifstream file(entry.path());
    std::string text;
    for (std::string line; std::getline(file, line);) {
      // A long name stands on the next line.
      if (!text.empty()) line = text + line;
      text.clear();
      if (line.starts_with("TEST") && line.find(')') == std::string::npos) text = line;
      std::smatch match;
      if (std::regex_match(line, match, kTest)) names.insert(match[1].str() + "." + match[2].str());
    }
  }
  return names;
}

struct Row {
  std::string what;
  std::string level;
  std::string shown_by;
};

std::vector<Row> rows() {
  static const std::regex kRow("^\\| (.+) \\| (MUST|SHOULD) \\| (.*) \\|$");
  std::vector<Row> found;
  std::ifstream file(kRoot / "docs/checklist.md");
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kRow)) found.push_back({match[1], match[2], match[3]});
  }
  return found;
}

// What stands in backquotes.
std::vector<std::string> names_in(const std::string& text) {
  static const std::regex kName("`([^`]+)`");
  std::vector<std::string> names;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), kName);
       it != std::sregex_iterator(); ++it) {
    names.push_back((*it)[1]);
  }
  return names;
}

TEST(ChecklistPage, NamesTestsAndPagesThatExist) {
  const auto tests = tests_of_the_tree();
  ASSERT_GT(tests.size(), 500U);
  ASSERT_GT(rows().size(), 80U);
  for (const Row& row : rows()) {
    for (const std::string& name : names_in(row.shown_by)) {
      const bool page = name.starts_with("docs/") && fs::exists(kRoot / name);
      EXPECT_TRUE(page || tests.contains(name)) << row.what << ": " << name;
    }
  }
}

TEST(ChecklistPage, LeavesNoMustWithoutATest) {
  for (const Row& row : rows()) {
    if (row.level != "MUST" || !names_in(row.shown_by).empty()) continue;
    EXPECT_TRUE(row.shown_by == "GPU" || row.shown_by == "network") << row.what;
  }
}

}  // namespace
}  // namespace omnigen
