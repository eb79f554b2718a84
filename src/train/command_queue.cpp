#include "train/command_queue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>

#include "util/child_process.h"
#include "util/error.h"
#include "util/log.h"
#include "util/stopwatch.h"

namespace omnigen::train {
namespace {

constexpr double kPollSeconds = 0.2;
constexpr size_t kTailBytes = 800;

}  // namespace

CommandQueue::CommandQueue(std::filesystem::path log, double retry_delay_s)
    : log_(std::move(log)), retry_delay_s_(retry_delay_s) {}

CommandQueue::~CommandQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void CommandQueue::add(QueuedCommand command) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(command));
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  changed_.notify_all();
}

void CommandQueue::work() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const QueuedCommand command = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = command.title;
    lock.unlock();
    run(command);
    lock.lock();
    running_.clear();
    changed_.notify_all();
  }
}

std::optional<int> CommandQueue::attempt(const QueuedCommand& command) {
  try {
    util::ChildProcess child({command.command, log_});
    while (!child.wait(kPollSeconds) && !stop_) {
    }
    return child.poll();
  } catch (const util::Error& error) {
    util::log::warn(error.what());
    return util::kExitFailure;
  }
}

// False if the queue is to stop.
bool CommandQueue::pause() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::duration<double>(retry_delay_s_),
                    [this] { return stop_.load(); });
  return !stop_;
}

void CommandQueue::run(const QueuedCommand& command) {
  const util::Stopwatch watch;
  for (int number = 1; number <= command.attempts; ++number) {
    const auto code = attempt(command);
    if (!code) return;
    if (code == 0) {
      util::log::info(fmt::format("{}: done in {:.0f} s", command.title, watch.elapsed_s()));
      if (command.on_success) command.on_success();
      return;
    }
    const std::string what =
        fmt::format("{}: attempt {} of {} ended with code {}: {}", command.title, number,
                    command.attempts, *code, util::tail_of(log_, kTailBytes));
    if (number < command.attempts) {
      util::log::warn(what);
      if (!pause()) return;
    } else {
      util::log::error(fmt::format("{}. The run goes on; see {}", what, log_.string()));
      const std::lock_guard lock(mutex_);
      all_well_ = false;
    }
  }
}

bool CommandQueue::finish(double limit_s) {
  std::unique_lock lock(mutex_);
  const bool done = changed_.wait_for(lock, std::chrono::duration<double>(limit_s),
                                      [this] { return waiting_.empty() && running_.empty(); });
  if (!done) {
    std::vector<std::string> left;
    if (!running_.empty()) left.push_back(running_);
    for (const QueuedCommand& command : waiting_) left.push_back(command.title);
    util::log::error(
        fmt::format("not done after {:g} s and given up: {}", limit_s, fmt::join(left, "; ")));
    waiting_.clear();
  }
  const bool well = done && all_well_;
  stop_ = true;
  lock.unlock();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  return well;
}

}  // namespace omnigen::train
