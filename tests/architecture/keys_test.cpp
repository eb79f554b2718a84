// A configuration key that the table declares is read somewhere: what does not act is refused or
// named (schema_other.def, Check::acting), never passed over in silence.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace omnigen {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = OMNIGEN_SOURCE_DIR;

// Why nothing reads a key.
const std::map<std::string, std::string> kUnread = {
    {"allow_singleton",
     "MPI starts before the configuration is read: comm::Job takes the argument"},
    {"aspect_bucket_disable_rebuild", "buckets are never rebuilt"},
    {"compress_disk_cache", "captions and token ids are always compressed"},
    {"data_backend_sampling", "its one word that acts is what is done"},
    {"model_flavour", "it has one word"},
    {"vae_cache_scan_behaviour", "records that do not fit are always made again"}};

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> keys_of_the_table() {
  static const std::regex kKey("OMNIGEN_KEY\\(([a-z0-9_]+),");
  std::vector<std::string> keys;
  for (const auto& entry : fs::directory_iterator(kRoot / "src/config")) {
    if (!entry.path().filename().string().starts_with("schema_")) continue;
    const std::string text = text_of(entry.path());
    for (auto it = std::sregex_iterator(text.begin(), text.end(), kKey);
         it != std::sregex_iterator(); ++it) {
      keys.push_back((*it)[1]);
    }
  }
  return keys;
}

// Every source that may read a key: not the table, and not the dialogue that only writes them.
std::string readers() {
  std::string text;
  for (const char* folder : {"src", "data-tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      const std::string name = entry.path().filename();
      const bool source = name.ends_with(".cpp") || name.ends_with(".h");
      if (source && !name.starts_with("configure")) text += text_of(entry.path());
    }
  }
  return text;
}

TEST(Keys, EveryKeyOfTheTableIsReadSomewhere) {
  const std::string sources = readers();
  const auto keys = keys_of_the_table();
  ASSERT_GT(keys.size(), 100U);
  for (const std::string& key : keys) {
    const bool read = sources.find("." + key) != std::string::npos;
    EXPECT_TRUE(read || kUnread.contains(key))
        << key << ": read it, refuse it, or say in this test why nothing does";
  }
}

}  // namespace
}  // namespace omnigen
