#include "data/vips_library.h"

namespace omnigen::data {
namespace {

void ignore_message(const char*, GLogLevelFlags, const char*, void*) {}

bool initialise() {
  if (vips_init("omnigen") != 0) return false;
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  const auto quiet = static_cast<GLogLevelFlags>(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO);
  g_log_set_handler("VIPS", quiet, ignore_message, nullptr);
  return true;
}

}  // namespace

void start_vips() {
  static const bool kStarted = initialise();
  if (!kStarted) throw VipsError("libvips does not start");
}

std::shared_mutex& vips_mutex() {
  static std::shared_mutex mutex;
  return mutex;
}

}  // namespace omnigen::data
