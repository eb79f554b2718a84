#include "cache/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/cache_workspace.h"
#include "support/cache_fixture.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Verify : public ::testing::Test {
 protected:
  Verify() { write_fixture_cache(dir_.path(), "pictures", {{"a.jpg", "b.png"}, {"c.webp"}}); }

  void flip(const std::string& file, uint64_t offset) {
    std::string bytes = io::read_file(dir_ / file);
    bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ 0x10);
    io::write_atomically(dir_ / file, bytes);
  }
  std::string damage() {
    std::string text;
    for (const cache::Damage& one : cache::verify_cache(dir_.path(), "pictures").damage) {
      text += one.file + ": " + one.message + "\n";
    }
    return text;
  }

  TempDir dir_;
};

TEST_F(Verify, AnIntactCacheHasNoDamage) {
  const cache::VerifyReport report = cache::verify_cache(dir_.path(), "pictures");
  EXPECT_TRUE(report.damage.empty());
  EXPECT_EQ(report.num_files, 3);
  EXPECT_EQ(report.num_records, 3);
}

TEST_F(Verify, AFlippedByteOfALatentNamesItsRecord) {
  const io::ShardReader reader(dir_ / "pictures-r0-0000.h5");
  flip("pictures-r0-0000.h5", reader.groups()[0].offsets.latent + 64 + 7);
  const std::string text = damage();
  EXPECT_THAT(text, HasSubstr("b.png"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("a.jpg")));
}

// Whatever byte is flipped, something is found and a record is named.
TEST_F(Verify, AFlippedByteAnywhereIsFound) {
  const auto size = fs::file_size(dir_ / "pictures-r0-0001.h5");
  for (uint64_t offset = 0; offset < size; offset += 97) {
    flip("pictures-r0-0001.h5", offset);
    EXPECT_THAT(damage(), HasSubstr("c.webp")) << offset;
    flip("pictures-r0-0001.h5", offset);
  }
  EXPECT_EQ(damage(), "");
}

TEST_F(Verify, MissingAndTruncatedFilesAreNamed) {
  fs::remove(dir_ / "pictures-r0-0001.h5");
  EXPECT_THAT(damage(), HasSubstr("pictures-r0-0001.h5: is missing"));
  fs::resize_file(dir_ / "pictures-r0-0000.h5", 3000);
  EXPECT_THAT(damage(), HasSubstr("pictures-r0-0000.h5: 3000 bytes"));
}

TEST_F(Verify, ADamagedTokenTableIsNamed) {
  const auto size = fs::file_size(dir_ / "pictures-tokens-digest.h5");
  flip("pictures-tokens-digest.h5", size - 5);
  EXPECT_THAT(damage(), HasSubstr("pictures-tokens-digest.h5"));
}

}  // namespace
}  // namespace omnigen::test
