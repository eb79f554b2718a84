// Where time goes: named spans, and the arithmetic done in them.
//
// Off by default: a span then costs one load. Spans of one thread nest.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

namespace omnigen::util {

struct SpanRecord {
  const char* name = "";  // lives as long as the program
  int64_t begin_ns = 0;   // since start_profile()
  int64_t end_ns = 0;
  int64_t parent = -1;  // the span around it in the same list; -1: none
  double flop = 0.0;    // counted in it, without the spans inside it
};
// Of one thread, in the order in which they began.
using ThreadSpans = std::vector<SpanRecord>;

// `barrier` is called at both ends of every span, so that what a device does is charged to the span
// that asked for it; may be empty. One profile at a time; no span may be open.
void start_profile(std::function<void()> barrier);
// The calling thread's spans first.
std::vector<ThreadSpans> stop_profile();

inline std::atomic<bool> profiling{false};

class Span {
 public:
  explicit Span(const char* name) {
    if (profiling.load(std::memory_order_relaxed)) begin(name);
  }
  ~Span() {
    if (index_ >= 0) end();
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  void begin(const char* name);
  void end();

  int64_t index_ = -1;
};

// Adds to the innermost open span of this thread: multiplications and additions.
void count_flop(double flop);

}  // namespace omnigen::util
