#include "util/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <unordered_set>

#include "util/error.h"
#include "util/status_line.h"

namespace omnigen::util::log {
namespace {

// Standard error, above a progress bar that may be on the terminal.
class TerminalSink : public spdlog::sinks::stderr_color_sink_mt {
 public:
  void log(const spdlog::details::log_msg& message) override {
    write_above_status_line([&] { spdlog::sinks::stderr_color_sink_mt::log(message); });
  }
};

struct State {
  std::shared_ptr<TerminalSink> terminal = std::make_shared<TerminalSink>();
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks =
      std::make_shared<spdlog::sinks::dist_sink_mt>();
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>("", sinks);
  spdlog::level::level_enum level = spdlog::level::info;
  int rank = 0;
  int world_size = 1;
  std::mutex mutex;
  std::unordered_set<std::string> seen;

  State() {
    sinks->add_sink(terminal);
    set_pattern();
    apply_level();
  }
  void set_pattern() const {
    logger->set_pattern(
        fmt::format("[%Y-%m-%d %H:%M:%S.%e] [rank {}/{}] [%^%l%$] %v", rank, world_size));
  }
  // The logger takes what the file wants (on other ranks: everything at level debug, else
  // warnings); the terminal shows no more than warnings of ranks other than 0.
  void apply_level() const {
    const auto quiet = std::max(level, spdlog::level::warn);
    logger->set_level(rank == 0 || level == spdlog::level::debug ? level : quiet);
    logger->flush_on(level);
    terminal->set_level(rank == 0 ? level : quiet);
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
  s.apply_level();
}

void add_file(const std::filesystem::path& dir) {
  State& s = state();
  const std::string name = s.rank == 0 ? "omnigen-dist.log" : fmt::format("rank{:04}.log", s.rank);
  try {
    s.sinks->add_sink(std::make_shared<spdlog::sinks::basic_file_sink_mt>((dir / name).string()));
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(fmt::format("log file cannot be written: {}; check output_dir", error.what()));
  }
  s.set_pattern();
}

void set_level(std::string_view level) {
  State& s = state();
  if (level == "debug") {
    s.level = spdlog::level::debug;
  } else if (level == "info") {
    s.level = spdlog::level::info;
  } else if (level == "warning") {
    s.level = spdlog::level::warn;
  } else if (level == "error") {
    s.level = spdlog::level::err;
  } else {
    throw ConfigError(
        fmt::format("log level \"{}\" is unknown; write debug, info, warning or error", level));
  }
  s.apply_level();
}

// Message texts hold braces (JSON, paths): they are never format strings.
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
