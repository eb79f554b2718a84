// Another program, started and looked after.
//
// Started with posix_spawn, which does not copy this process: forking one that holds MPI, network
// cards and GPUs is slow and may corrupt their memory. The program gets this one's environment, its
// own process group (Ctrl-C here does not reach it) and none of this one's open files.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omnigen::util {

struct ChildOptions {
  std::vector<std::string> command;   // looked up on PATH, like a shell does
  std::filesystem::path output = {};  // where both of its streams are appended; empty: nowhere
  bool keep_input = false;            // its input stays open until end_input(), else is empty
};

class ChildProcess {
 public:
  // Errors: Error naming the program and the system's reason.
  explicit ChildProcess(const ChildOptions& options);
  // Ends the program if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Its exit code once it has ended; 128 + signal if a signal ended it.
  std::optional<int> poll();
  // Waits at most `limit_s`.
  std::optional<int> wait(double limit_s);
  // Bytes of its input that were taken at once: it never waits. 0 where the program is gone.
  size_t offer(std::string_view bytes);
  void end_input();
  // It and all it has started: SIGTERM, SIGKILL after 2 s.
  void stop();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  std::optional<int> exit_code_;
};

// A program on `path`, as the variable PATH lists folders; nothing where there is none.
std::optional<std::filesystem::path> find_program(const std::string& name, const std::string& path);

// The last lines of a text file, at most `max_bytes`; empty where there is none.
std::string tail_of(const std::filesystem::path& file, size_t max_bytes);

}  // namespace omnigen::util
