#include "comm/lifeline.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "comm/frame_socket.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kConnectLimitSeconds = 20.0;
constexpr double kConnectTrySeconds = 3.0;
constexpr double kHelloLimitSeconds = 3.0;
constexpr std::chrono::milliseconds kTick{100};
// How long rank 0 listens for further reports before it announces one: an error that all ranks meet
// is printed by rank 0, and a cause is preferred to its consequences.
constexpr std::chrono::milliseconds kGather{500};
// Between the announcement and the end, so that the line is out and the ranks leave together.
constexpr std::chrono::milliseconds kLastWords{100};

// First character of a frame; a report or a code follows the first two.
constexpr char kReportFrame = 'R';
constexpr char kEndFrame = 'E';
constexpr char kGoodbyeFrame = 'G';

std::string random_token() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace

struct Lifeline::Impl {
  Impl(ProcessGroup& group, const std::string& host, Callbacks callbacks);
  ~Impl();

  void connect_all(ProcessGroup& group);
  void accept_workers(FrameListener& listener, const std::string& token);
  static FrameSocket connect_to_root(const nlohmann::json& invitation, int rank);

  void watch();
  void wait_for_event();
  void send_outbox();
  void serve_root();
  void serve_worker();
  void finish();
  void end(int exit_code);
  [[nodiscard]] FatalReport death_of(int rank) const;
  void wake() const;

  int rank;
  int size;
  std::vector<std::string> hosts;
  Callbacks callbacks;
  bool connected = false;

  std::mutex mutex;  // for the three below
  std::vector<FatalReport> outbox;
  bool goodbye_wanted = false;
  bool stopping = false;

  // Of the thread alone, once it runs. Rank 0: one per rank, [0] unused; others: [0] is rank 0.
  std::vector<FrameSocket> peers;
  std::vector<bool> peer_left;
  std::vector<FatalReport> reports;  // on rank 0
  std::optional<Clock::time_point> first_report;
  bool said_goodbye = false;
  bool ended = false;
  int wake_fd = -1;
  std::thread thread;
};

Lifeline::Impl::Impl(ProcessGroup& group, const std::string& host, Callbacks callbacks_in)
    : rank(group.rank()),
      size(group.size()),
      hosts(group.all_gather_bytes(host)),
      callbacks(std::move(callbacks_in)),
      wake_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  connect_all(group);
  if (connected) thread = std::thread([this] { watch(); });
}

Lifeline::Impl::~Impl() {
  if (thread.joinable()) {
    {
      const std::lock_guard lock(mutex);
      goodbye_wanted = true;
      stopping = true;
    }
    wake();
    thread.join();
  }
  if (wake_fd >= 0) ::close(wake_fd);
}

void Lifeline::Impl::connect_all(ProcessGroup& group) {
  const bool one_host = std::all_of(hosts.begin(), hosts.end(),
                                    [&](const std::string& other) { return other == hosts[0]; });
  std::optional<FrameListener> listener;
  nlohmann::json invitation;
  if (rank == 0) {
    listener.emplace(/*loopback_only=*/one_host);
    invitation = {
        {"token", random_token()},
        {"port", listener->port()},
        {"addresses", one_host ? std::vector<std::string>{"127.0.0.1"} : own_addresses()}};
  }
  invitation = nlohmann::json::parse(group.broadcast_bytes(invitation.dump(), /*root=*/0));
  if (rank == 0) {
    accept_workers(*listener, invitation["token"]);
  } else {
    peers.push_back(connect_to_root(invitation, rank));
  }
  const size_t first = rank == 0 ? 1 : 0;
  const bool all_open = std::all_of(peers.begin() + static_cast<std::ptrdiff_t>(first), peers.end(),
                                    [](const FrameSocket& peer) { return peer.is_open(); });
  peer_left.assign(peers.size(), false);
  connected = group.all_agree(all_open && wake_fd >= 0);
}

void Lifeline::Impl::accept_workers(FrameListener& listener, const std::string& token) {
  peers.resize(static_cast<size_t>(size));
  const auto deadline = Clock::now() + std::chrono::duration<double>(kConnectLimitSeconds);
  for (int missing = size - 1; missing > 0 && listener.is_open();) {
    const double left_s = std::chrono::duration<double>(deadline - Clock::now()).count();
    if (left_s <= 0.0) return;
    FrameSocket socket = listener.accept(left_s);
    const auto hello = socket.receive(kHelloLimitSeconds);
    // "<token> <rank>"; whoever does not know the token is no rank of ours.
    if (!hello || hello->size() <= token.size() || hello->substr(0, token.size()) != token)
      continue;
    const int64_t from = std::strtoll(hello->c_str() + token.size(), nullptr, 10);
    if (from < 1 || from >= size || !socket.send(token)) continue;
    peers[static_cast<size_t>(from)] = std::move(socket);
    --missing;
  }
}

FrameSocket Lifeline::Impl::connect_to_root(const nlohmann::json& invitation, int rank) {
  const std::string token = invitation["token"];
  const uint16_t port = invitation["port"];
  if (port == 0) return {};
  for (const std::string address : invitation["addresses"]) {
    FrameSocket socket = FrameSocket::connect(address, port, kConnectTrySeconds);
    if (!socket.is_open() || !socket.send(fmt::format("{} {}", token, rank))) continue;
    if (socket.receive(kConnectLimitSeconds) == token) return socket;
  }
  return {};
}

void Lifeline::Impl::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd, &one, sizeof(one));
}

void Lifeline::Impl::wait_for_event() {
  std::vector<pollfd> entries = {{wake_fd, POLLIN, 0}};
  for (const FrameSocket& peer : peers) {
    if (peer.is_open()) entries.push_back({peer.fd(), POLLIN, 0});
  }
  ::poll(entries.data(), entries.size(), static_cast<int>(kTick.count()));
  uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t count = ::read(wake_fd, &ignored, sizeof(ignored));
}

void Lifeline::Impl::send_outbox() {
  std::vector<FatalReport> out;
  bool say_goodbye = false;
  {
    const std::lock_guard lock(mutex);
    out.swap(outbox);
    say_goodbye = goodbye_wanted && !said_goodbye;
  }
  for (const FatalReport& report : out) {
    if (rank == 0) {
      reports.push_back(report);
    } else {
      peers[0].send(kReportFrame + to_json(report));
    }
  }
  if (say_goodbye) {
    said_goodbye = true;
    for (FrameSocket& peer : peers) peer.send(std::string(1, kGoodbyeFrame));
  }
}

FatalReport Lifeline::Impl::death_of(int dead_rank) const {
  FatalReport report;
  report.rank = dead_rank;
  report.host = hosts[static_cast<size_t>(dead_rank)];
  report.step = -1;
  report.exit_code = util::kExitComm;
  report.cause = FatalReport::Cause::kDeath;
  report.message =
      "the process is gone without a word: killed, out of memory or crashed (see dmesg and the "
      "scheduler's log on that host)";
  return report;
}

void Lifeline::Impl::serve_root() {
  for (size_t from = 1; from < peers.size(); ++from) {
    if (!peers[from].is_open()) continue;
    for (const std::string& frame : peers[from].receive_ready()) {
      if (frame.starts_with(kGoodbyeFrame)) peer_left[from] = true;
      if (frame.starts_with(kReportFrame)) {
        reports.push_back(fatal_report_from_json(frame.substr(1)));
      }
    }
    if (!peers[from].is_open() && !peer_left[from] && !said_goodbye) {
      reports.push_back(death_of(static_cast<int>(from)));
    }
  }
  if (reports.empty()) return;
  if (!first_report) first_report = Clock::now();
  // A death is told at once: the launcher, too, has noticed, and is about to end this rank.
  const bool death = std::any_of(reports.begin(), reports.end(), [](const FatalReport& report) {
    return report.cause == FatalReport::Cause::kDeath;
  });
  if (death || Clock::now() - *first_report >= kGather) finish();
}

void Lifeline::Impl::finish() {
  const FatalReport report = most_telling(reports);
  callbacks.announce(report);
  for (FrameSocket& peer : peers) peer.send(kEndFrame + std::to_string(report.exit_code));
  std::this_thread::sleep_for(kLastWords);
  end(report.exit_code);
}

void Lifeline::Impl::end(int exit_code) {
  ended = true;
  callbacks.end(exit_code);
}

void Lifeline::Impl::serve_worker() {
  if (!peers[0].is_open()) return;
  for (const std::string& frame : peers[0].receive_ready()) {
    if (frame.starts_with(kGoodbyeFrame)) peer_left[0] = true;
    if (frame.starts_with(kEndFrame)) {
      end(static_cast<int>(std::strtol(frame.c_str() + 1, nullptr, 10)));
      return;
    }
  }
  if (peers[0].is_open() || peer_left[0] || said_goodbye) return;
  if (rank == 1) {
    callbacks.announce(death_of(0));
  } else {
    std::this_thread::sleep_for(kGather);
  }
  end(util::kExitComm);
}

void Lifeline::Impl::watch() {
  for (;;) {
    wait_for_event();
    send_outbox();
    if (!ended) rank == 0 ? serve_root() : serve_worker();
    const std::lock_guard lock(mutex);
    if (stopping && outbox.empty()) return;
  }
}

Lifeline::Lifeline(ProcessGroup& group, const std::string& host, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(group, host, std::move(callbacks))) {}

Lifeline::~Lifeline() = default;

bool Lifeline::connected() const {
  return impl_->connected;
}

void Lifeline::report(const FatalReport& report) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->outbox.push_back(report);
  }
  impl_->wake();
}

void Lifeline::goodbye() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->goodbye_wanted = true;
  }
  impl_->wake();
}

}  // namespace omnigen::comm
