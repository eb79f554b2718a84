#include "util/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <unordered_set>

#include "util/error.h"

namespace omnigen::util::log {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger =
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  int rank = 0;
  int world_size = 1;
  std::mutex mutex;
  std::unordered_set<std::string> seen;

  State() { set_pattern(); }
  void set_pattern() const {
    logger->set_pattern(
        fmt::format("[%Y-%m-%d %H:%M:%S.%e] [rank {}/{}] [%^%l%$] %v", rank, world_size));
  }
};

// The logger is the one piece of process-wide state besides comm::Job.
State& state() {
  static State instance;
  return instance;
}

}  // namespace

void init(int rank, int world_size) {
  State& s = state();
  s.rank = rank;
  s.world_size = world_size;
  s.set_pattern();
  s.logger->set_level(rank == 0 ? spdlog::level::info : spdlog::level::warn);
  s.logger->flush_on(spdlog::level::info);
}

void add_file(const std::filesystem::path& dir) {
  State& s = state();
  const std::string name = s.rank == 0 ? "omnigen-dist.log" : fmt::format("rank{:04}.log", s.rank);
  s.logger->sinks().push_back(
      std::make_shared<spdlog::sinks::basic_file_sink_mt>((dir / name).string()));
  s.set_pattern();
}

void set_level(std::string_view level) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off") {
    throw ConfigError(
        fmt::format("log level \"{}\" is unknown; write debug, info, warning or error", level));
  }
  State& s = state();
  s.logger->set_level(s.rank == 0 ? parsed : std::max(parsed, spdlog::level::warn));
}

void debug(std::string_view message) {
  state().logger->debug(message);
}
void info(std::string_view message) {
  state().logger->info(message);
}
void warn(std::string_view message) {
  state().logger->warn(message);
}
void error(std::string_view message) {
  state().logger->error(message);
}
void flush() {
  state().logger->flush();
}

void warn_once(std::string_view message) {
  State& s = state();
  {
    const std::lock_guard lock(s.mutex);
    if (!s.seen.emplace(message).second) return;
  }
  warn(message);
}

}  // namespace omnigen::util::log
