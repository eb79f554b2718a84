// Where a run's series and images go besides its own log. On rank 0 only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace omnigen::train {

struct TrackedImage {
  std::string tag;
  int64_t step = 0;
  std::string png;
  int64_t width = 0;
  int64_t height = 0;
  std::string caption;
};

class Tracker {
 public:
  Tracker() = default;
  virtual ~Tracker() = default;
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;

  virtual void scalars(int64_t step, const std::map<std::string, double>& values) = 0;
  virtual void image(const TrackedImage& image) = 0;
  virtual void flush() {}
  // The run is over: what is under way may take a while.
  virtual void finish() {}
};

using Trackers = std::vector<std::unique_ptr<Tracker>>;

}  // namespace omnigen::train
