#include "comm/rank_agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "util/error.h"
#include "util/hash.h"

namespace omnigen::comm {
namespace {

// Network file systems show a new file late.
constexpr int kProbeTries = 20;
constexpr std::chrono::milliseconds kProbePause{250};

bool appears(const std::filesystem::path& path) {
  for (int i = 0; i < kProbeTries; ++i) {
    if (std::ifstream(path).good()) return true;
    std::this_thread::sleep_for(kProbePause);
  }
  return false;
}

// Empty, or why the probe cannot be written.
std::string write_probe(const std::filesystem::path& probe) {
  std::error_code error;
  std::filesystem::create_directories(probe.parent_path(), error);
  if (error) return error.message();
  std::ofstream file(probe);
  file << ::getpid() << '\n';
  file.close();
  return file.good() ? std::string() : std::generic_category().message(errno);
}

}  // namespace

void check_same_everywhere(ProcessGroup& group, const std::string& host, const std::string& what,
                           const std::string& value) {
  const auto all = group.all_gather_bytes(
      nlohmann::json{host, value}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const auto first = nlohmann::json::parse(all.front()).get<std::vector<std::string>>();
  for (size_t rank = 1; rank < all.size(); ++rank) {
    const auto other = nlohmann::json::parse(all[rank]).get<std::vector<std::string>>();
    if (other[1] == first[1]) continue;
    throw util::ConfigError(fmt::format(
        "host {} (rank {}) runs {} {}, host {} (rank 0) runs {}; all ranks need the same", other[0],
        rank, what, other[1], first[0], first[1]));
  }
}

void check_shared_folder(ProcessGroup& group, const std::string& host,
                         const std::filesystem::path& folder) {
  const std::string token =
      group.broadcast_bytes(fmt::format("{}-{}", host, ::getpid()), /*root=*/0);
  const auto probe = folder / (".probe-" + token);
  const std::string reason =
      group.broadcast_bytes(group.is_root() ? write_probe(probe) : std::string(), /*root=*/0);
  if (!reason.empty()) {
    throw util::ConfigError(
        fmt::format("{} cannot be written: {}; name a folder that can", folder.string(), reason));
  }
  const auto seen = group.all_gather_bytes(appears(probe) ? std::string() : host);
  if (group.is_root()) {
    std::error_code ignored;
    std::filesystem::remove(probe, ignored);
  }
  std::set<std::string> blind(seen.begin(), seen.end());
  blind.erase(std::string());
  if (!blind.empty()) {
    throw util::ConfigError(
        fmt::format("{} is not shared between nodes: {} cannot see what rank 0 writes there; use a "
                    "folder that all nodes mount",
                    folder.string(), fmt::join(blind, ", ")));
  }
}

std::string build_id() {
  return util::hex64(util::xxh3_64_file("/proc/self/exe"));
}

}  // namespace omnigen::comm
