#include "io/raw_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_write(const fs::path& path, const char* action) {
  const int code = errno;
  std::string message = fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(code));
  if (code == ENOSPC || code == EDQUOT)
    message += "; free some space and start again, it continues";
  throw util::Error(message);
}

[[noreturn]] void fail_read(const fs::path& path, int code) {
  throw util::DataError(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(code)));
}

int open_flags(RawFile::Mode mode) {
  switch (mode) {
    case RawFile::Mode::kRead:
      return O_RDONLY;
    case RawFile::Mode::kReadWrite:
      return O_RDWR;
    case RawFile::Mode::kAppend:
      return O_WRONLY | O_CREAT | O_APPEND;
  }
  return O_RDONLY;
}

}  // namespace

RawFile::RawFile(const fs::path& path, Mode mode)
    : path_(path), fd_(::open(path.c_str(), open_flags(mode) | O_CLOEXEC, 0644)) {
  if (fd_ >= 0) return;
  if (mode == Mode::kRead) fail_read(path, errno);
  fail_write(path, "open");
}

RawFile::~RawFile() {
  if (fd_ >= 0) ::close(fd_);
}

RawFile::RawFile(RawFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

uint64_t RawFile::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) fail_read(path_, errno);
  return static_cast<uint64_t>(status.st_size);
}

void RawFile::read_at(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_read(path_, errno);
    if (count == 0) {
      throw util::DataError(
          fmt::format("{}: ends at byte {}, {} more expected", path_.string(), offset, out.size()));
    }
    out = out.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

void RawFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(path_, "write");
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

void RawFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(path_, "write");
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

void RawFile::sync() {
  if (::fdatasync(fd_) != 0) fail_write(path_, "sync");
}

void RawFile::reserve(uint64_t bytes) {
  if (::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)) == 0) return;
  if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return;
  fail_write(path_, "reserve space for");
}

void RawFile::truncate(uint64_t bytes) {
  if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) fail_write(path_, "truncate");
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_write(folder, "open");
  const bool synced = ::fsync(fd) == 0;
  const int code = errno;
  ::close(fd);
  errno = code;
  if (!synced) fail_write(folder, "sync");
}

void rename_file(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_write(to, "rename to");
  sync_folder(to.has_parent_path() ? to.parent_path() : fs::path("."));
}

}  // namespace omnigen::io
