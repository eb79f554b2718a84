// Runs a function over 0 … n-1 in several threads, a bounded number of results ahead, and gives the
// results in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace omnigen::cache {

template <class Item>
class OrderedPool {
 public:
  // At most `ahead` results wait to be taken.
  OrderedPool(int64_t count, std::function<Item(int64_t)> make, int64_t num_threads, int64_t ahead)
      : count_(count), make_(std::move(make)), ahead_(ahead) {
    for (int64_t i = 0; i < std::min(num_threads, count); ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }
  ~OrderedPool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  OrderedPool(const OrderedPool&) = delete;
  OrderedPool& operator=(const OrderedPool&) = delete;

  // The next result; count of them. An exception of `make` is thrown in its place.
  Item next() {
    std::unique_lock lock(mutex_);
    const int64_t wanted = taken_;
    changed_.wait(lock, [&] { return ready_.contains(wanted); });
    auto [item, error] = std::move(ready_.extract(wanted).mapped());
    ++taken_;
    lock.unlock();
    changed_.notify_all();
    if (error) std::rethrow_exception(error);
    return std::move(*item);
  }

 private:
  using Result = std::pair<std::unique_ptr<Item>, std::exception_ptr>;

  void work() {
    while (true) {
      int64_t index = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || started_ < taken_ + ahead_; });
        if (stopping_ || started_ == count_) return;
        index = started_++;
      }
      Result result;
      try {
        result.first = std::make_unique<Item>(make_(index));
      } catch (...) {
        result.second = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        ready_.emplace(index, std::move(result));
      }
      changed_.notify_all();
    }
  }

  int64_t count_;
  std::function<Item(int64_t)> make_;
  int64_t ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, Result> ready_;
  int64_t started_ = 0;
  int64_t taken_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace omnigen::cache
