#include "comm/watchdog.h"

#include <fmt/format.h>

#include "util/error.h"

namespace omnigen::comm {
namespace {

constexpr std::chrono::milliseconds kTick{200};

}  // namespace

Watchdog::Watchdog(OnExpiry on_expiry, double grace_s)
    : on_expiry_(std::move(on_expiry)), grace_s_(grace_s), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watchdog::set_limits(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

void Watchdog::set_phase(Phase phase) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
}

void Watchdog::set_step(int64_t step) {
  const std::lock_guard lock(mutex_);
  step_ = step;
}

int64_t Watchdog::step() const {
  const std::lock_guard lock(mutex_);
  return step_;
}

double Watchdog::age_s() const {
  return std::chrono::duration<double>(Clock::now() - current_->start).count();
}

double Watchdog::limit_s() const {
  if (current_->limit_s) return *current_->limit_s;
  return phase_ == Phase::kStepping ? limits_.stepping_s : limits_.preparing_s;
}

std::string Watchdog::describe() const {
  const std::lock_guard lock(mutex_);
  if (!current_) return "no collective";
  return fmt::format("{}, for {:.1f} s", current_->name, age_s());
}

std::string Watchdog::expiry_message() const {
  const char* key = phase_ == Phase::kStepping ? " within steps, process_group_timeout_seconds"
                                               : " outside steps, startup_timeout_seconds";
  return fmt::format(
      "{} unfinished after {:.1f} s at step {} (limit {:g} s{}): another rank is stuck, gone or "
      "far "
      "behind; see what the other ranks logged last",
      current_->name, age_s(), step_, limit_s(), current_->limit_s ? "" : key);
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait_for(lock, kTick);
    if (stopping_ || !current_ || age_s() <= limit_s() + grace_s_) continue;
    const std::string message = expiry_message();
    lock.unlock();
    on_expiry_(message);
    return;
  }
}

Watchdog::Operation::Operation(Watchdog& watchdog, std::string name, std::optional<double> limit_s)
    : watchdog_(watchdog) {
  const std::lock_guard lock(watchdog_.mutex_);
  outermost_ = !watchdog_.current_.has_value();
  if (outermost_) watchdog_.current_ = Current{std::move(name), Clock::now(), limit_s};
}

Watchdog::Operation::~Operation() {
  if (!outermost_) return;
  const std::lock_guard lock(watchdog_.mutex_);
  watchdog_.current_.reset();
}

void Watchdog::Operation::check() const {
  const std::lock_guard lock(watchdog_.mutex_);
  if (watchdog_.age_s() > watchdog_.limit_s()) {
    throw util::CommError(watchdog_.expiry_message());
  }
}

}  // namespace omnigen::comm
