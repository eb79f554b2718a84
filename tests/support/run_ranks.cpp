#include "support/run_ranks.h"

#include <fmt/format.h>

#include <cmath>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "util/error.h"

namespace omnigen::test {
namespace {

// Where the threads meet: everybody brings bytes, and leaves with everybody's.
class Meeting {
 public:
  explicit Meeting(int num_ranks) : parts_(static_cast<size_t>(num_ranks)) {}

  std::vector<std::string> exchange(int rank, const std::string& operation, std::string bytes) {
    std::unique_lock lock(mutex_);
    throw_if_failed(operation);
    if (arrived_ == 0) {
      operation_ = operation;
    } else if (operation != operation_) {
      throw util::CommError(
          fmt::format("rank {} is in {} while others are in {}", rank, operation, operation_));
    }
    parts_[static_cast<size_t>(rank)] = std::move(bytes);
    const int64_t round = round_;
    if (++arrived_ == std::ssize(parts_)) {
      arrived_ = 0;
      ++round_;
      result_ = parts_;
      changed_.notify_all();
    } else {
      changed_.wait(lock, [&] { return round_ != round || failure_ != nullptr || num_left_ > 0; });
      if (round_ == round) throw_if_failed(operation);
    }
    return result_;  // safe: nobody can finish the next round before this rank takes part
  }

  // A rank that needs no more collectives.
  void leave() {
    const std::lock_guard lock(mutex_);
    ++num_left_;
    changed_.notify_all();
  }

  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (failure_ == nullptr) failure_ = std::move(failure);
    changed_.notify_all();
  }

  void rethrow_failure() const {
    if (failure_ != nullptr) std::rethrow_exception(failure_);
  }

 private:
  void throw_if_failed(const std::string& operation) const {
    if (failure_ != nullptr) throw util::CommError("another rank failed");
    if (num_left_ > 0) throw util::CommError("a rank ended while others are in " + operation);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> parts_;
  std::vector<std::string> result_;
  std::string operation_;
  int64_t arrived_ = 0;
  int64_t round_ = 0;
  int64_t num_left_ = 0;
  std::exception_ptr failure_;
};

class ThreadGroup : public comm::ProcessGroup {
 public:
  ThreadGroup(Meeting& meeting, int rank, int size) : meeting_(meeting), rank_(rank), size_(size) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }

  void all_reduce_sum(at::Tensor& tensor) override {
    check_reducible(tensor);
    const at::Tensor host = tensor.cpu();
    const auto parts =
        meeting_.exchange(rank_, fmt::format("all_reduce of {} bytes", host.nbytes()),
                          {static_cast<const char*>(host.data_ptr()), host.nbytes()});
    const at::NoGradGuard no_grad;
    at::Tensor sum = at::zeros_like(host);
    at::Tensor part = at::empty_like(host);
    for (const std::string& bytes : parts) {
      std::memcpy(part.data_ptr(), bytes.data(), bytes.size());
      sum.add_(part);
    }
    tensor.copy_(sum);
  }

  void broadcast(at::Tensor& tensor, int root) override {
    check_root(root);
    check_contiguous(tensor);
    const at::NoGradGuard no_grad;
    at::Tensor host = tensor.cpu();
    const std::string bytes = meeting_.exchange(
        rank_, fmt::format("broadcast of {} bytes from {}", host.nbytes(), root),
        rank_ == root ? std::string(static_cast<const char*>(host.data_ptr()), host.nbytes())
                      : std::string())[static_cast<size_t>(root)];
    at::Tensor received = at::empty_like(host);
    std::memcpy(received.data_ptr(), bytes.data(), bytes.size());
    tensor.copy_(received);
  }

  void barrier() override { meeting_.exchange(rank_, "barrier", {}); }

  std::string broadcast_bytes(const std::string& bytes, int root) override {
    check_root(root);
    return meeting_.exchange(rank_, fmt::format("broadcast_bytes from {}", root),
                             rank_ == root ? bytes : std::string())[static_cast<size_t>(root)];
  }

  std::vector<std::string> all_gather_bytes(const std::string& bytes) override {
    return meeting_.exchange(rank_, "all_gather_bytes", bytes);
  }

  double all_reduce_max(double value) override {
    double largest = -std::numeric_limits<double>::infinity();
    for (const double v : gather("all_reduce_max", value)) {
      if (std::isnan(v)) return v;
      largest = std::max(largest, v);
    }
    return largest;
  }

  double all_reduce_sum(double value) override {
    const auto values = gather("all_reduce_sum", value);
    return std::accumulate(values.begin(), values.end(), 0.0);
  }

 private:
  std::vector<double> gather(const std::string& operation, double value) {
    const auto parts =
        meeting_.exchange(rank_, operation, {reinterpret_cast<const char*>(&value), sizeof(value)});
    std::vector<double> values(parts.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      std::memcpy(&values[i], parts[i].data(), sizeof(double));
    }
    return values;
  }

  Meeting& meeting_;
  int rank_;
  int size_;
};

}  // namespace

void run_ranks(int num_ranks, const std::function<void(comm::ProcessGroup&)>& body) {
  Meeting meeting(num_ranks);
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(num_ranks));
  for (int rank = 0; rank < num_ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        ThreadGroup group(meeting, rank, num_ranks);
        body(group);
        meeting.leave();
      } catch (...) {
        meeting.fail(std::current_exception());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  meeting.rethrow_failure();
}

}  // namespace omnigen::test
