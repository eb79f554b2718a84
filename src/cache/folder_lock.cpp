#include "cache/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "io/atomic_file.h"
#include "util/error.h"

namespace omnigen::cache {

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& id) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const auto path = folder / fmt::format(".{}.lock", id);
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    throw util::DataError(fmt::format("cannot write to the cache folder {}: {}",
                                      std::filesystem::absolute(folder).string(),
                                      std::strerror(errno)));
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    const std::string holder = fmt::format("process {} on {}\n", ::getpid(), host.data());
    if (::ftruncate(fd_, 0) == 0) (void)!::pwrite(fd_, holder.data(), holder.size(), 0);
    return;
  }
  if (errno != EWOULDBLOCK) return;
  ::close(fd_);
  throw util::DataError(fmt::format("the cache in {} is being built by {}; wait for it or end it",
                                    std::filesystem::absolute(folder).string(),
                                    io::read_file(path)));
}

FolderLock::~FolderLock() {
  ::close(fd_);
}

}  // namespace omnigen::cache
