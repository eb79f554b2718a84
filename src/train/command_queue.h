// Programs that run one after another beside the training: uploads, and the user's scripts.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace omnigen::train {

struct QueuedCommand {
  std::string title;  // for the log
  std::vector<std::string> command;
  int attempts = 1;
  std::function<void()> on_success = {};  // on the queue's thread; may add commands
};

class CommandQueue {
 public:
  // What the programs print is appended to `log`.
  explicit CommandQueue(std::filesystem::path log, double retry_delay_s = 5.0);
  // Stops what still runs.
  ~CommandQueue();
  CommandQueue(const CommandQueue&) = delete;
  CommandQueue& operator=(const CommandQueue&) = delete;

  // Returns at once. A command that fails at its last attempt is an error in the log.
  void add(QueuedCommand command);
  // Waits at most `limit_s`; then stops what runs and drops the rest, which are named in the log.
  // True if everything was done, and well.
  bool finish(double limit_s);

 private:
  void work();
  void run(const QueuedCommand& command);
  // The exit code; nothing if it was stopped.
  std::optional<int> attempt(const QueuedCommand& command);
  bool pause();

  std::filesystem::path log_;
  double retry_delay_s_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<QueuedCommand> waiting_;
  std::string running_;  // title
  bool all_well_ = true;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace omnigen::train
