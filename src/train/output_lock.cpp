#include "train/output_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "util/error.h"

namespace omnigen::train {

OutputLock::OutputLock(const std::filesystem::path& output_dir) {
  std::error_code error;
  std::filesystem::create_directories(output_dir, error);
  const auto path = output_dir / ".lock";
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    throw util::ConfigError(fmt::format("output_dir: {} cannot be written: {}", output_dir.string(),
                                        std::strerror(errno)));
  }
  std::array<char, 256> text{};
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const ssize_t size = ::read(fd_, text.data(), text.size() - 1);
    ::close(fd_);
    throw util::ConfigError(
        fmt::format("output_dir: {} is in use by {}; wait for that run or give another output_dir",
                    output_dir.string(), size > 0 ? text.data() : "another run"));
  }
  ::gethostname(text.data(), text.size() - 1);
  const std::string holder = fmt::format("host {} pid {}", text.data(), ::getpid());
  if (::ftruncate(fd_, 0) != 0 || ::write(fd_, holder.data(), holder.size()) < 0) {
    ::close(fd_);
    throw util::ConfigError(
        fmt::format("output_dir: {} cannot be written: {}", path.string(), std::strerror(errno)));
  }
}

OutputLock::~OutputLock() {
  ::close(fd_);
}

}  // namespace omnigen::train
