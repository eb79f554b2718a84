#include "util/profile.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>

namespace omnigen::util {
namespace {

using Clock = std::chrono::steady_clock;

struct ThreadList {
  ThreadSpans spans;
  int64_t open = -1;  // the innermost open span
};

std::mutex mutex;
std::vector<std::shared_ptr<ThreadList>> lists;  // of the present profile
int64_t generation = 0;
Clock::time_point zero;
std::function<void()> at_both_ends;

ThreadList& list_of_thread() {
  thread_local std::shared_ptr<ThreadList> list;
  thread_local int64_t its_generation = -1;
  if (its_generation != generation) {
    const std::lock_guard lock(mutex);
    list = std::make_shared<ThreadList>();
    lists.push_back(list);
    its_generation = generation;
  }
  return *list;
}

int64_t now_ns() {
  if (at_both_ends) at_both_ends();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - zero).count();
}

}  // namespace

void start_profile(std::function<void()> barrier) {
  {
    const std::lock_guard lock(mutex);
    lists.clear();
    ++generation;
    zero = Clock::now();
    at_both_ends = std::move(barrier);
  }
  list_of_thread();  // the first
  profiling = true;
}

std::vector<ThreadSpans> stop_profile() {
  profiling = false;
  const std::lock_guard lock(mutex);
  std::vector<ThreadSpans> result;
  result.reserve(lists.size());
  for (const auto& list : lists) result.push_back(std::move(list->spans));
  lists.clear();
  ++generation;
  return result;
}

void Span::begin(const char* name) {
  ThreadList& list = list_of_thread();
  index_ = static_cast<int64_t>(list.spans.size());
  list.spans.push_back({name, now_ns(), 0, list.open, 0.0});
  list.open = index_;
}

void Span::end() {
  ThreadList& list = list_of_thread();
  if (index_ >= static_cast<int64_t>(list.spans.size())) return;  // of a profile that is over
  SpanRecord& record = list.spans[static_cast<size_t>(index_)];
  record.end_ns = now_ns();
  list.open = record.parent;
}

void count_flop(double flop) {
  if (!profiling.load(std::memory_order_relaxed)) return;
  ThreadList& list = list_of_thread();
  if (list.open >= 0) list.spans[static_cast<size_t>(list.open)].flop += flop;
}

}  // namespace omnigen::util
