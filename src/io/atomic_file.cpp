#include "io/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "util/error.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const char* action) {
  const int code = errno;
  std::string message = fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(code));
  if (code == ENOSPC || code == EDQUOT) {
    std::error_code ignored;
    const auto space = fs::space(path.parent_path(), ignored);
    message += fmt::format(" ({:.1f} MB free); free some space and start again",
                           static_cast<double>(space.available) / 1e6);
  }
  throw util::Error(message);
}

void sync_path(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) fail(path, "open");
  const int result = ::fsync(fd);
  ::close(fd);
  if (result != 0) fail(path, "sync");
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path)
    : path_(path), tmp_path_(path.string() + fmt::format(".tmp.{}", ::getpid())) {
  fs::create_directories(folder_of(path));
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
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    sync_path(entry.path(), entry.is_directory() ? O_RDONLY | O_DIRECTORY : O_RDONLY);
  }
  sync_path(from, O_RDONLY | O_DIRECTORY);
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "rename to");
  sync_path(folder_of(to), O_RDONLY | O_DIRECTORY);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!(file && text << file.rdbuf()) && !(file && fs::file_size(path) == 0)) {
    throw util::DataError(
        fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  }
  return text.str();
}

}  // namespace omnigen::io
