// The log of one process: `[2026-01-31 12:00:00.000] [rank 3/8] [info] message`.
//
// Info and debug appear on rank 0 only, warnings and errors on every rank. A line goes above a
// progress bar that is on the terminal. spdlog stays behind this door: torch's headers carry
// another fmt.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace omnigen::util::log {

// Called once by comm::Job; before that everything goes to standard error as rank 0 of 1.
void init(int rank, int world_size);

// Also writes to `<dir>/omnigen-dist.log` (rank 0) or `<dir>/rank<NNNN>.log` (others: warnings, and
// everything at level debug). Errors: Error if the file cannot be opened.
void add_file(const std::filesystem::path& dir);

// One of "debug", "info", "warning", "error". Errors: ConfigError for another word.
void set_level(std::string_view level);

void debug(std::string_view message);
void info(std::string_view message);
void warn(std::string_view message);
// The same warning text is printed once per process.
void warn_once(std::string_view message);
void error(std::string_view message);
void flush();

}  // namespace omnigen::util::log
