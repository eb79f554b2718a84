#include "data/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/test_images.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Discovery, FindsImagesInAnyCaseAndDepthInByteOrder) {
  const TempDir dir;
  for (const char* name :
       {"b.JPG", "a/z.png", "a.webp", "B.bmp", "a/b/c.Tiff", "é.gif", "a-1.png"}) {
    write_file(dir / name, "x");
  }
  EXPECT_THAT(discover_images(dir.path()).paths,
              ElementsAre("B.bmp", "a-1.png", "a.webp", "a/b/c.Tiff", "a/z.png", "b.JPG", "é.gif"));
}

TEST(Discovery, SkipsForksAndSystemFoldersButNotDotFiles) {
  const TempDir dir;
  for (const char* name : {"._a.jpg", ".hidden.jpg", ".png", ".ipynb_checkpoints/c.png",
                           ".Trashes/d.png", ".other/e.png"}) {
    write_file(dir / name, "x");
  }
  const Discovery found = discover_images(dir.path());
  EXPECT_THAT(found.paths, ElementsAre(".hidden.jpg", ".other/e.png", ".png"));
  EXPECT_EQ(found.num_resource_forks, 1);
}

TEST(Discovery, FollowsLinksButEndsInALoop) {
  const TempDir dir;
  const TempDir outside;
  write_file(dir / "real/a.png", "x");
  write_file(outside / "b.png", "x");
  fs::create_directory_symlink(outside.path(), dir / "linked");
  fs::create_directory_symlink(dir.path(), dir / "real/loop");
  fs::create_directory_symlink(dir / "real", dir / "aaa_same_folder");
  fs::create_symlink(outside / "b.png", dir / "file_link.png");
  fs::create_symlink(dir / "nowhere", dir / "dangling.png");
  const Discovery found = discover_images(dir.path());
  EXPECT_THAT(found.paths, ElementsAre("file_link.png", "linked/b.png", "real/a.png"));
  EXPECT_EQ(found.num_repeated_folders, 2);
  EXPECT_EQ(found.num_broken_links, 1);
}

TEST(Discovery, KeepsNamesThatAreNotUtf8) {
  const TempDir dir;
  write_file(dir / "a\xff.png", "x");
  EXPECT_THAT(discover_images(dir.path()).paths, ElementsAre("a\xff.png"));
}

TEST(Discovery, WarnsOncePerForeignSuffix) {
  const TempDir dir;
  for (const char* name : {"a.png", "b.PSD", "c.psd", "d.h5", "e.txt", "README"}) {
    write_file(dir / name, "x");
  }
  EXPECT_THAT(discovery_warnings(discover_images(dir.path())),
              ElementsAre("1 file with suffix .h5 ignored", "2 files with suffix .psd ignored"));
}

std::string discovery_error(const fs::path& folder) {
  try {
    discover_images(folder);
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Discovery, AnEmptyFolderSaysWhatIsThereInstead) {
  const TempDir dir;
  for (const char* name : {"a.psd", "b.txt", "c.txt", "noname"}) write_file(dir / name, "x");
  fs::create_directory_symlink(dir.path(), dir / "loop");
  const std::string error = discovery_error(dir.path());
  EXPECT_THAT(error, HasSubstr(dir.path().string()));
  EXPECT_THAT(error, HasSubstr("1 .psd"));
  EXPECT_THAT(error, HasSubstr("2 .txt"));
  EXPECT_THAT(error, HasSubstr("1 without suffix"));
  EXPECT_THAT(error, HasSubstr("1 links to folders"));
}

TEST(Discovery, RefusesAFileOrNothing) {
  const TempDir dir;
  write_file(dir / "a.png", "x");
  EXPECT_THAT(discovery_error(dir / "a.png"), HasSubstr("Not a directory"));
  EXPECT_THAT(discovery_error(dir / "missing"), HasSubstr("No such file"));
}

TEST(Discovery, ListsAllMissingFoldersAtOnce) {
  const TempDir dir;
  try {
    check_folders({{"one", dir / "x"}, {"there", dir.path()}, {"two", dir / "y/z"}});
    FAIL() << "no error";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"one\""));
    EXPECT_THAT(error.what(), HasSubstr("\"two\""));
    EXPECT_THAT(error.what(), HasSubstr("does not exist either"));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\"there\"")));
  }
}

}  // namespace
}  // namespace omnigen::data
