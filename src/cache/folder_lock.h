// One build of a cache at a time.
#pragma once

#include <filesystem>
#include <string>

namespace omnigen::cache {

// Holds `<folder>/.<id>.lock` (flock, so that it ends with the process) with host and pid in it.
// Where the file system has no locks there is none.
class FolderLock {
 public:
  // Creates the folder if missing. Errors: DataError naming the holder.
  FolderLock(const std::filesystem::path& folder, const std::string& id);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

}  // namespace omnigen::cache
