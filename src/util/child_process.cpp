#include "util/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "util/error.h"
#include "util/stopwatch.h"

extern char** environ;  // handed on as it is

namespace omnigen::util {
namespace {

namespace fs = std::filesystem;

constexpr double kKillAfterSeconds = 2.0;
constexpr std::chrono::milliseconds kPollInterval{20};
constexpr int kSignalBase = 128;
constexpr int kFirstOther = STDERR_FILENO + 1;

// The parts of posix_spawn that have to be given back.
struct SpawnSettings {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};

  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

void set_output(SpawnSettings& settings, const fs::path& output) {
  const char* path = output.empty() ? "/dev/null" : output.c_str();
  posix_spawn_file_actions_addopen(&settings.actions, STDOUT_FILENO, path,
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&settings.actions, STDOUT_FILENO, STDERR_FILENO);
}

}  // namespace

ChildProcess::ChildProcess(const ChildOptions& options) {
  SpawnSettings settings;
  // A socket, not a pipe: sending to a program that is gone is then an error and no SIGPIPE.
  int ends[2] = {-1, -1};
  if (options.keep_input) {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw Error(options.command.front() + ": no socket: " + std::strerror(errno));
    }
    posix_spawn_file_actions_adddup2(&settings.actions, ends[0], STDIN_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  set_output(settings, options.output);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, kFirstOther);
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // not written to
  }
  arguments.push_back(nullptr);
  const int code = ::posix_spawnp(&pid_, arguments.front(), &settings.actions, &settings.attributes,
                                  arguments.data(), environ);
  if (options.keep_input) ::close(ends[0]);
  input_ = ends[1];
  if (code == 0) return;
  end_input();
  throw Error(options.command.front() + " cannot be started: " + std::strerror(code));
}

ChildProcess::~ChildProcess() {
  end_input();
  stop();
}

size_t ChildProcess::offer(std::string_view bytes) {
  if (input_ < 0 || bytes.empty()) return 0;
  const ssize_t sent = ::send(input_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

void ChildProcess::end_input() {
  if (input_ >= 0) ::close(input_);
  input_ = -1;
}

std::optional<int> ChildProcess::poll() {
  if (exit_code_) return exit_code_;
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(pid_, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return std::nullopt;
  exit_code_ = ended < 0           ? kExitFailure
               : WIFEXITED(status) ? WEXITSTATUS(status)
                                   : kSignalBase + WTERMSIG(status);
  return exit_code_;
}

std::optional<int> ChildProcess::wait(double limit_s) {
  const Stopwatch watch;
  while (!poll() && watch.elapsed_s() < limit_s) std::this_thread::sleep_for(kPollInterval);
  return exit_code_;
}

void ChildProcess::stop() {
  if (poll()) return;
  ::kill(-pid_, SIGTERM);
  if (wait(kKillAfterSeconds)) return;
  ::kill(-pid_, SIGKILL);
  wait(kKillAfterSeconds);
}

std::optional<fs::path> find_program(const std::string& name, const std::string& path) {
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const fs::path candidate = fs::path(path.substr(begin, end - begin)) / name;
    if (end > begin && ::access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) {
      return candidate;
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::string tail_of(const fs::path& file, size_t max_bytes) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) return "";
  const auto size = static_cast<std::streamoff>(stream.tellg());
  const std::streamoff begin =
      std::max<std::streamoff>(0, size - static_cast<std::streamoff>(max_bytes));
  stream.seekg(begin);
  std::string text((std::istreambuf_iterator<char>(stream)), {});
  if (begin > 0) text.erase(0, text.find('\n') == std::string::npos ? 0 : text.find('\n') + 1);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace omnigen::util
