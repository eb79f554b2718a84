#include "util/host_memory.h"

#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace omnigen::util {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// Of a line "Name:   123 kB"; 0 where there is none.
int64_t value_of(const char* file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

// Of a file that holds one number; kUnlimited where there is none ("max").
int64_t number_in(const std::string& file) {
  int64_t number = kUnlimited;
  std::ifstream(file) >> number;
  return number > 0 ? number : kUnlimited;
}

// "/system.slice/x" of a line "0::/system.slice/x" or "5:memory:/x".
std::string group_path(const std::string& controller) {
  std::ifstream lines("/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) return line.substr(second + 1);
  }
  return "";
}

int64_t left_in(const std::string& folder, const char* limit, const char* used) {
  const int64_t most = number_in(folder + limit);
  if (most == kUnlimited) return kUnlimited;
  const int64_t now = number_in(folder + used);
  return now == kUnlimited ? most : std::max<int64_t>(0, most - now);
}

}  // namespace

int64_t resident_bytes() {
  return value_of("/proc/self/status", "VmRSS");
}
int64_t peak_resident_bytes() {
  return value_of("/proc/self/status", "VmHWM");
}
void reset_peak_resident() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

int64_t unread_mapped_bytes(std::string_view suffix) {
  constexpr int64_t kKib = 1024;
  std::ifstream lines("/proc/self/smaps");  // proc(5): a line with the name, then "Size:  12 kB", …
  int64_t unread = 0;
  bool counted = false;
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    const bool is_field = colon != std::string::npos && line.find(' ') > colon;
    if (!is_field) {
      counted = line.ends_with(suffix);
    } else if (counted && line.starts_with("Size:")) {
      unread += kKib * std::stoll(line.substr(colon + 1));
    } else if (counted && line.starts_with("Rss:")) {
      unread -= kKib * std::stoll(line.substr(colon + 1));
    }
  }
  return unread;
}

void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most it takes
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

int64_t available_bytes() {
  int64_t available = value_of("/proc/meminfo", "MemAvailable");
  // In a container the group's own folder is often mounted as the root.
  for (const std::string& group : {group_path(""), std::string()}) {
    available =
        std::min(available, left_in("/sys/fs/cgroup" + group, "/memory.max", "/memory.current"));
  }
  for (const std::string& group : {group_path("memory"), std::string()}) {
    available = std::min(available, left_in("/sys/fs/cgroup/memory" + group,
                                            "/memory.limit_in_bytes", "/memory.usage_in_bytes"));
  }
  return available;
}

}  // namespace omnigen::util
