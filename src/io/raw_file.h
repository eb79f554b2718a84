// Positional reads and writes of one file, whole or failing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace omnigen::io {

class RawFile {
 public:
  enum class Mode { kRead, kReadWrite, kAppend };

  // kAppend creates the file if missing. Errors (all members): DataError when reading, Error when
  // writing, naming the path and the system's reason.
  RawFile(const std::filesystem::path& path, Mode mode);
  ~RawFile();
  RawFile(RawFile&& other) noexcept;
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] uint64_t size() const;
  // Thread-safe. A file that ends too early is an error.
  void read_at(uint64_t offset, std::span<std::byte> out) const;
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  void append(std::span<const std::byte> bytes);
  // Data and size are on the device afterwards.
  void sync();
  // Reserves the file's bytes where the file system can, so that a full disk is met now.
  void reserve(uint64_t bytes);
  void truncate(uint64_t bytes);

 private:
  std::filesystem::path path_;
  int fd_;
};

// Makes a rename or removal in `folder` durable.
void sync_folder(const std::filesystem::path& folder);
// Renames and makes it durable.
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace omnigen::io
