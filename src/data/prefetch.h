// Runs a producer in its own thread, some items ahead of the consumer.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace omnigen::data {

// Items come out in the order in which they were produced. An exception of the producer is thrown
// by next() in its place.
template <class Item>
class Prefetch {
 public:
  Prefetch(std::function<Item()> produce, size_t depth)
      : produce_(std::move(produce)), depth_(depth), thread_([this] { run(); }) {}

  ~Prefetch() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  Item next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !items_.empty() || error_; });
    if (items_.empty()) std::rethrow_exception(error_);
    Item item = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return item;
  }

 private:
  void run() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || items_.size() < depth_; });
        if (stopping_) return;
      }
      try {
        Item item = produce_();
        const std::lock_guard lock(mutex_);
        items_.push_back(std::move(item));
      } catch (...) {
        const std::lock_guard lock(mutex_);
        error_ = std::current_exception();
        stopping_ = true;
      }
      changed_.notify_all();
    }
  }

  std::function<Item()> produce_;
  size_t depth_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  std::exception_ptr error_;
  bool stopping_ = false;
  std::thread thread_;  // last: starts when all else is ready
};

}  // namespace omnigen::data
