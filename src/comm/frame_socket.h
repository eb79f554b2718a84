// Framed messages over TCP, for the lifeline: connect, accept, send, receive.
//
// Errors: none are thrown; a connection that fails is closed, and says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace omnigen::comm {

// One connection. A frame is a 4-byte length and that many bytes.
class FrameSocket {
 public:
  FrameSocket() = default;
  explicit FrameSocket(int fd);  // takes the descriptor
  ~FrameSocket();
  FrameSocket(FrameSocket&& other) noexcept;
  FrameSocket& operator=(FrameSocket&& other) noexcept;

  // An empty socket if nobody answers within `timeout_s`. `address`: IPv4 in dots.
  static FrameSocket connect(const std::string& address, uint16_t port, double timeout_s);

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  void close();

  // False, and closed, if the peer is gone.
  bool send(const std::string& payload);
  // Waits up to `timeout_s` for one frame.
  std::optional<std::string> receive(double timeout_s);
  // What has arrived, without waiting. Closes when the peer has gone or breaks the protocol; frames
  // that came before are still returned.
  std::vector<std::string> receive_ready();

 private:
  std::optional<std::string> take_frame();

  int fd_ = -1;
  std::string buffer_;
};

// Waits for connections.
class FrameListener {
 public:
  // On the loopback device alone, or on all. A port of the system's choice.
  explicit FrameListener(bool loopback_only);
  ~FrameListener();
  FrameListener(const FrameListener&) = delete;
  FrameListener& operator=(const FrameListener&) = delete;

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] uint16_t port() const { return port_; }
  // An empty socket if nobody comes within `timeout_s`.
  FrameSocket accept(double timeout_s);

 private:
  int fd_ = -1;
  uint16_t port_ = 0;
};

// IPv4 addresses of this host's interfaces that are up, the loopback device left out.
std::vector<std::string> own_addresses();

}  // namespace omnigen::comm
