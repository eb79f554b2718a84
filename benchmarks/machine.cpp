#include "machine.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "util/host_memory.h"

namespace omnigen::bench {

extern const char* const kCommit;  // written by commit.cmake

namespace {

constexpr double kMib = 1024.0 * 1024.0;

// The value of the first line `key<separator>value` of a file of the kernel; empty without one.
std::string value_of(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t begin = line.find_first_not_of(" \t:", key.size());
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

nlohmann::json gpu_names() {
  nlohmann::json names = nlohmann::json::array();
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none)) {
    names.push_back(value_of(entry.path() / "information", "Model"));
  }
  return names;
}

std::string nccl_version() {
  using GetVersion = int (*)(int*);
  int version = 0;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what RTLD_DEFAULT expands to
  void* symbol = dlsym(RTLD_DEFAULT, "ncclGetVersion");
  if (symbol == nullptr || reinterpret_cast<GetVersion>(symbol)(&version) != 0) return "none";
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

nlohmann::json environment() {
  const std::string flags = value_of("/proc/cpuinfo", "flags");
  nlohmann::json facts = {{"commit", kCommit},
                          {"build_type", OMNIGEN_BUILD_TYPE},
                          {"cpu", value_of("/proc/cpuinfo", "model name")},
                          {"cores", std::thread::hardware_concurrency()},
                          {"threads", at::get_num_threads()},
                          {"torch", TORCH_VERSION},
                          {"isa", at::get_cpu_capability()},
                          {"bf16_isa", flags.find("avx512_bf16") != std::string::npos},
                          {"gpus", gpu_names()}};
  if (torch::cuda::is_available()) {
    facts["driver"] = value_of("/proc/driver/nvidia/version", "NVRM version");
    facts["cuda"] = at::detail::getCUDAHooks().versionCUDART();
    facts["nccl"] = nccl_version();
  }
  return facts;
}

OthersCpu::OthersCpu() : start_(read()) {}

OthersCpu::Usage OthersCpu::read() {
  Usage usage;
  std::istringstream ticks(value_of("/proc/stat", "cpu "));
  constexpr int kIdle = 3;
  constexpr int kWaiting = 4;
  constexpr int kCounted = 8;
  double tick = 0.0;
  for (int i = 0; i < kCounted && ticks >> tick; ++i) {
    if (i != kIdle && i != kWaiting) usage.busy_s += tick;
  }
  usage.busy_s /= static_cast<double>(sysconf(_SC_CLK_TCK));
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  usage.own_s = seconds_of(own.ru_utime) + seconds_of(own.ru_stime);
  usage.wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  return usage;
}

double OthersCpu::share() const {
  const Usage now = read();
  const double others = (now.busy_s - start_.busy_s) - (now.own_s - start_.own_s);
  const double available = (now.wall_s - start_.wall_s) * std::thread::hardware_concurrency();
  return others > 0.0 ? others / available : 0.0;
}

double rss_mib() {
  return static_cast<double>(util::resident_bytes()) / kMib;
}
double peak_rss_mib() {
  return static_cast<double>(util::peak_resident_bytes()) / kMib;
}
void reset_peak_rss() {
  util::reset_peak_resident();
}

}  // namespace omnigen::bench
