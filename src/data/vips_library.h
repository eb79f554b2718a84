// The door to libvips: its start, and calls whose failure text belongs to the call.
#pragma once

#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <vips/vips8>

namespace omnigen::data {

class VipsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Starts libvips once per process: one thread per call (callers are parallel already), no cache of
// operations, its warnings kept off standard error (they come back as errors where they matter).
// Errors: VipsError.
void start_vips();
std::shared_mutex& vips_mutex();

// libvips gathers error texts of all threads in one buffer. So calls run side by side until one
// fails; that one is repeated alone, with an empty buffer. Errors: VipsError.
template <class Work>
auto run_vips(const Work& work) {
  start_vips();
  try {
    const std::shared_lock lock(vips_mutex());
    return work();
  } catch (const vips::VError&) {
  }
  const std::unique_lock lock(vips_mutex());
  vips_error_clear();
  try {
    return work();
  } catch (const vips::VError& error) {
    std::string message = error.what();
    vips_error_clear();
    while (!message.empty() && message.back() == '\n') message.pop_back();
    throw VipsError(message);
  }
}

}  // namespace omnigen::data
