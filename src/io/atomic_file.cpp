#include "io/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "util/error.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = 1 << 16;

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

[[noreturn]] void fail(const fs::path& path, const char* action, int code) {
  std::string message = fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(code));
  if (code == ENOSPC || code == EDQUOT) {
    std::error_code error;
    const auto space = fs::space(folder_of(path), error);
    if (!error) {
      message += fmt::format(" ({:.1f} MB free)", static_cast<double>(space.available) / 1e6);
    }
    message += "; free some space and start again";
  }
  throw util::Error(message);
}

[[noreturn]] void fail(const fs::path& path, const char* action) {
  fail(path, action, errno);
}

void sync_path(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) fail(path, "open");
  const int code = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (code != 0) fail(path, "sync", code);
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path)
    : path_(path), tmp_path_(path.string() + fmt::format(".tmp.{}", ::getpid())) {
  std::error_code error;
  fs::create_directories(folder_of(path), error);
  if (error) fail(folder_of(path), "create folder", error.value());
  fd_ = ::open(tmp_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail(tmp_path_, "create");
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(tmp_path_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path_, "write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail(path_, "sync");
  if (::rename(tmp_path_.c_str(), path_.c_str()) != 0) fail(path_, "rename to");
  ::close(fd_);
  fd_ = -1;
  sync_path(folder_of(path_), O_RDONLY | O_DIRECTORY);
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void rename_directory(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(from, error), end; !error && entry != end;
       entry.increment(error)) {
    sync_path(entry->path(), entry->is_directory() ? O_RDONLY | O_DIRECTORY : O_RDONLY);
  }
  if (error) fail(from, "read folder", error.value());
  sync_path(from, O_RDONLY | O_DIRECTORY);
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "rename to");
  sync_path(folder_of(to), O_RDONLY | O_DIRECTORY);
}

std::string read_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  std::string buffer(kReadBytes, '\0');
  ssize_t count = fd < 0 ? -1 : 0;
  while (fd >= 0) {
    count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer, 0, static_cast<size_t>(count));
  }
  const int code = errno;
  if (fd >= 0) ::close(fd);
  if (count < 0) {
    throw util::DataError(
        fmt::format("{}: cannot be read: {}", path.string(), std::strerror(code)));
  }
  return text;
}

}  // namespace omnigen::io
