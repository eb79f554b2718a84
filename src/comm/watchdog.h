// Ages the collective in flight: one that outlives its limit ends the job instead of hanging it.
//
// Two lines of defence. Whoever polls a collective calls Operation::check(), which throws. A thread
// looks too, and a little later reports what the poller could not: a call that never came back.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace omnigen::comm {

class Watchdog {
 public:
  // Which limit counts. kPreparing: start-up, caching, validation, checkpoints, where one rank may
  // work long while the others wait.
  enum class Phase { kPreparing, kStepping };
  struct Limits {
    double preparing_s = 5400.0;
    double stepping_s = 600.0;
  };
  // Called once, from the watchdog's thread.
  using OnExpiry = std::function<void(const std::string& message)>;

  // The thread reports an operation `grace_s` after its limit.
  explicit Watchdog(OnExpiry on_expiry, double grace_s = 5.0);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void set_limits(const Limits& limits);
  void set_phase(Phase phase);
  // Optimizer step that messages name.
  void set_step(int64_t step);
  [[nodiscard]] int64_t step() const;

  // "all_reduce of 19005440 bytes, for 12.3 s" or "no collective".
  [[nodiscard]] std::string describe() const;

  // A collective, watched while this object lives. Nested operations count as the outermost.
  class Operation {
   public:
    // `limit_s` replaces the phase's.
    Operation(Watchdog& watchdog, std::string name, std::optional<double> limit_s = {});
    ~Operation();
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    // Errors: CommError with operation, age, limit and step when the limit is passed.
    void check() const;

   private:
    Watchdog& watchdog_;
    bool outermost_;
  };

 private:
  using Clock = std::chrono::steady_clock;
  struct Current {
    std::string name;
    Clock::time_point start;
    std::optional<double> limit_s;
  };

  void watch();
  // All three: with mutex_ held.
  [[nodiscard]] double age_s() const;
  [[nodiscard]] double limit_s() const;
  [[nodiscard]] std::string expiry_message() const;

  OnExpiry on_expiry_;
  double grace_s_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  Limits limits_;
  Phase phase_ = Phase::kPreparing;
  int64_t step_ = 0;
  std::optional<Current> current_;
  std::thread thread_;
};

}  // namespace omnigen::comm
