// A file that is either complete or not there: written aside, synced, renamed, folder synced.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace omnigen::io {

class AtomicFile {
 public:
  // Opens `<path>.tmp.<pid>`; creates the folder if missing.
  // Errors (all members): Error naming the path and the system's reason.
  explicit AtomicFile(const std::filesystem::path& path);
  // Removes the unfinished file unless committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path tmp_path_;
  int fd_;
};

void write_atomically(const std::filesystem::path& path, std::string_view bytes);

// Syncs every file and folder below `from`, renames it to `to`, syncs the parent.
void rename_directory(const std::filesystem::path& from, const std::filesystem::path& to);

// Errors: DataError if it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace omnigen::io
