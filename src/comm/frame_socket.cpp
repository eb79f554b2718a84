#include "comm/frame_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace omnigen::comm {
namespace {

constexpr size_t kHeaderBytes = sizeof(uint32_t);
constexpr uint32_t kMaxFrameBytes = 1U << 20;
constexpr int kSendTimeoutSeconds = 5;
// A host that falls off the network is noticed after about 20 s.
constexpr int kKeepAliveIdleSeconds = 5;
constexpr int kKeepAliveIntervalSeconds = 5;
constexpr int kKeepAliveProbes = 3;
constexpr int kBacklog = 1024;

using Clock = std::chrono::steady_clock;

bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Clock::time_point after(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof(value));
}

void configure(int fd) {
  const timeval send_timeout{kSendTimeoutSeconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_timeout, sizeof(send_timeout));
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

// Close-on-exec: a child program must not keep a dead rank's connection open.
int new_socket(int flags) {
  return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

}  // namespace

FrameSocket::FrameSocket(int fd) : fd_(fd) {
  if (fd_ >= 0) configure(fd_);
}

FrameSocket::~FrameSocket() {
  close();
}

FrameSocket::FrameSocket(FrameSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

FrameSocket& FrameSocket::operator=(FrameSocket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    buffer_ = std::move(other.buffer_);
  }
  return *this;
}

void FrameSocket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

FrameSocket FrameSocket::connect(const std::string& address, uint16_t port, double timeout_s) {
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &target.sin_addr) != 1) return {};
  const int fd = new_socket(SOCK_NONBLOCK);
  if (fd < 0) return {};
  FrameSocket socket(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof(target)) != 0) {
    if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, after(timeout_s))) return {};
    int error = 0;
    socklen_t length = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) return {};
  }
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return socket;
}

bool FrameSocket::send(const std::string& payload) {
  const std::string text = payload.substr(0, kMaxFrameBytes);
  const auto length = htonl(static_cast<uint32_t>(text.size()));
  std::string frame(reinterpret_cast<const char*>(&length), kHeaderBytes);
  frame += text;
  size_t sent = 0;
  while (is_open() && sent < frame.size()) {
    const ssize_t count = ::send(fd_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      close();
    }
  }
  return is_open();
}

std::optional<std::string> FrameSocket::take_frame() {
  if (buffer_.size() < kHeaderBytes) return {};
  uint32_t length = 0;
  std::memcpy(&length, buffer_.data(), kHeaderBytes);
  length = ntohl(length);
  if (length > kMaxFrameBytes) {
    close();
    return {};
  }
  if (buffer_.size() < kHeaderBytes + length) return {};
  std::string frame = buffer_.substr(kHeaderBytes, length);
  buffer_.erase(0, kHeaderBytes + length);
  return frame;
}

std::optional<std::string> FrameSocket::receive(double timeout_s) {
  const auto deadline = after(timeout_s);
  for (;;) {
    if (auto frame = take_frame()) return frame;
    if (!is_open() || !wait_for(fd_, POLLIN, deadline)) return {};
    std::array<char, 4096> chunk{};
    const ssize_t count = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count > 0) {
      buffer_.append(chunk.data(), static_cast<size_t>(count));
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      close();
    }
  }
}

std::vector<std::string> FrameSocket::receive_ready() {
  std::array<char, 4096> chunk{};
  while (is_open()) {
    const ssize_t count = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count > 0) {
      buffer_.append(chunk.data(), static_cast<size_t>(count));
    } else if (count < 0 && errno == EAGAIN) {
      break;
    } else if (count == 0 || errno != EINTR) {
      close();
    }
  }
  std::vector<std::string> frames;
  while (auto frame = take_frame()) frames.push_back(std::move(*frame));
  return frames;
}

FrameListener::FrameListener(bool loopback_only) : fd_(new_socket(SOCK_NONBLOCK)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(loopback_only ? INADDR_LOOPBACK : INADDR_ANY);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (fd_ >= 0 && ::bind(fd_, generic, length) == 0 && ::listen(fd_, kBacklog) == 0 &&
      ::getsockname(fd_, generic, &length) == 0) {
    port_ = ntohs(address.sin_port);
  } else if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

FrameListener::~FrameListener() {
  if (fd_ >= 0) ::close(fd_);
}

FrameSocket FrameListener::accept(double timeout_s) {
  if (fd_ < 0 || !wait_for(fd_, POLLIN, after(timeout_s))) return {};
  return FrameSocket(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    if ((entry->ifa_flags & IFF_UP) == 0 || (entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
    std::array<char, INET_ADDRSTRLEN> text{};
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    addresses.emplace_back(text.data());
  }
  ::freeifaddrs(list);
  return addresses;
}

}  // namespace omnigen::comm
