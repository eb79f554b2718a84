// The errors that end a run, each with the exit code a user sees (docs/architecture.md, "Exit
// codes").
//
// A message has four parts: what failed, where (path, key, row), expected against found, what to
// do.
#pragma once

#include <stdexcept>
#include <string>

namespace omnigen::util {

enum ExitCode : int {
  kExitDone = 0,
  kExitFailure = 1,
  kExitConfig = 2,
  kExitData = 3,
  kExitComm = 4,
  kExitRestart = 75,       // checkpoint written after a scheduler's notice, start again
  kExitInterrupted = 130,  // Ctrl-C, after a checkpoint
  kExitTerminated = 143,   // SIGTERM without a completed checkpoint
};

// Base of all errors of this project; itself a failure while running.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_code = kExitFailure)
      : std::runtime_error(message), exit_code_(exit_code) {}
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

// Configuration or usage.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(message, kExitConfig) {}
};

// Source data, caches, weights, checkpoints.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(message, kExitData) {}
};

// Communication between ranks.
class CommError : public Error {
 public:
  explicit CommError(const std::string& message) : Error(message, kExitComm) {}
};

}  // namespace omnigen::util
