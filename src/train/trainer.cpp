#include "train/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "comm/weight_hash.h"
#include "train/loss_by_time.h"
#include "util/error.h"
#include "util/log.h"
#include "util/profile.h"

namespace omnigen::train {
namespace {

constexpr size_t kNamedSamples = 10;  // in a message

comm::NamedTensors named(const std::vector<optim::Parameter>& parameters) {
  comm::NamedTensors weights;
  for (const optim::Parameter& leaf : parameters) weights.emplace_back(leaf.name, leaf.value);
  return weights;
}

// While one of these lives, ranks may wait long for one another.
class LongWait {
 public:
  explicit LongWait(comm::Watchdog& watchdog) : watchdog_(watchdog) {
    watchdog_.set_phase(comm::Watchdog::Phase::kPreparing);
  }
  ~LongWait() { watchdog_.set_phase(comm::Watchdog::Phase::kStepping); }
  LongWait(const LongWait&) = delete;
  LongWait& operator=(const LongWait&) = delete;

 private:
  comm::Watchdog& watchdog_;
};

CheckpointLimits limits_of(const config::TrainConfig& config) {
  return {config.checkpoints_total_limit, config.checkpoints_rolling_total_limit};
}

LoadedBatch next_batch(BatchStream& batches) {
  const util::Span span("data wait");
  return batches.next();
}

std::string first_names(const std::vector<std::string>& names) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), kNamedSamples));
  return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + shown, ", "),
                     names.size() > kNamedSamples ? ", …" : "");
}

}  // namespace

Trainer::Trainer(Parts parts)
    : parts_(std::move(parts)),
      store_(parts_.config.train.output_dir, limits_of(parts_.config.train)),
      best_(parts_.config.train.output_dir, parts_.config.train.save_best_checkpoint),
      signals_(parts_.config.train.output_dir, parts_.config.train.term_grace_seconds) {}

RunProgress Trainer::progress() const {
  const int64_t done = parts_.state.step - start_step_;
  const int64_t left = parts_.plan.total_steps - parts_.state.step;
  const double eta_s =
      done > 0 ? since_start_.elapsed_s() / static_cast<double>(done) * static_cast<double>(left)
               : 0;
  return {parts_.state.step, parts_.plan.total_steps, parts_.state.cursor.epoch + 1,
          last_checkpoint_, eta_s};
}

bool Trainer::due(int64_t interval) const {
  return interval > 0 && parts_.state.step % interval == 0;
}

StepSpan Trainer::span() const {
  const int64_t samples = parts_.state.cursor.samples_seen;
  return {parts_.state.step, samples - parts_.plan.batch.global_batch(), samples,
          parts_.plan.samples_per_epoch};
}

int Trainer::run() {
  start_step_ = parts_.state.step;
  best_.load(parts_.group);
  const int64_t total = parts_.plan.total_steps;
  if (start_step_ >= total) {
    util::log::info(
        fmt::format("already at step {} of {}: nothing to train; raise max_train_steps to go on",
                    start_step_, total));
    return finish();
  }
  const bool pin = parts_.weights.gradients().buffer().is_cuda();
  BatchStream batches({parts_.loader, parts_.sample_cost, pin}, parts_.state.seed,
                      parts_.plan.batch, parts_.group.rank(), parts_.state.cursor,
                      static_cast<size_t>(parts_.config.data.dataloader_prefetch_qlen));
  bar_ =
      std::make_unique<util::Progress>("train", total, "step", parts_.group.is_root(), start_step_);
  parts_.run_state.set("training", progress());
  parts_.job.watchdog().set_phase(comm::Watchdog::Phase::kStepping);
  parts_.forecast.start();
  while (parts_.state.step < total) {
    const Requests requests = signals_.poll(parts_.group);
    if (requests.stop != StopRequest::kNone) return stop(requests.stop);
    one_step(batches);
    if (parts_.group.is_root()) note_saved(writing_.take_if_complete());
    save_if_due(requests.save);
    if (requests.validate || validation_due(parts_.config.validate, span())) validate();
    parts_.run_state.tick(progress());
  }
  return finish();
}

void Trainer::one_step(BatchStream& batches) {
  parts_.profile.before_step();
  util::Stopwatch watch;
  const LoadedBatch batch = next_batch(batches);
  const double wait_s = watch.elapsed_s();
  parts_.job.set_step(parts_.state.step + 1);
  const StepResult result =
      parts_.step.run(batch.micro_batches, parts_.schedule.at(parts_.state.step),
                      {std::ssize(batch.samples), parts_.state.step + 1});
  ++parts_.state.step;
  parts_.state.cursor = batch.cursor;
  if (result.finite) {
    nonfinite_in_a_row_ = 0;
  } else {
    report_nonfinite(result, batch);
  }
  check_weights_agree();
  const double step_s = watch.elapsed_s();
  parts_.profile.after_step();
  record(result, batch, wait_s, step_s);
  const std::string compared = parts_.forecast.after_step(result.compute_s + result.reduce_s);
  if (parts_.group.is_root() && !compared.empty()) util::log::info(compared);
}

std::vector<std::string> Trainer::names_of(const LoadedBatch& batch) const {
  std::vector<std::string> names;
  for (const data::SampleRef& ref : batch.samples) names.push_back(parts_.loader->name(ref));
  return names;
}

void Trainer::report_nonfinite(const StepResult& result, const LoadedBatch& batch) {
  const std::vector<std::string> all = names_of(batch);
  std::vector<std::string> names;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!std::isfinite(result.sample_losses[i])) names.push_back(all[i]);
  }
  const std::string what =
      names.empty()
          ? fmt::format("gradient is not finite ({}) with: {}", result.gradient, first_names(all))
          : fmt::format("loss is not finite on {} of {} samples: {}", names.size(), all.size(),
                        first_names(names));
  ++nonfinite_in_a_row_;
  const int64_t allowed = parts_.config.train.max_nonfinite_steps;
  if (nonfinite_in_a_row_ > allowed) {
    throw util::Error(
        fmt::format("step {}: {}; {} such steps in a row, max_nonfinite_steps allows {}; last good "
                    "checkpoint: {}",
                    parts_.state.step, what, nonfinite_in_a_row_, allowed,
                    last_checkpoint_.empty() ? "none" : last_checkpoint_));
  }
  if (parts_.group.is_root()) {
    util::log::warn(fmt::format("step {}: {}; all ranks skip this step", parts_.state.step, what));
  }
}

void Trainer::check_weights_agree() {
  const bool first = parts_.state.step == start_step_ + 1;
  if (first || due(parts_.config.comm.weight_hash_interval)) {
    comm::check_equal_weights(parts_.group, named(parts_.weights.parameters()), parts_.state.step);
  }
}

void Trainer::record(const StepResult& result, const LoadedBatch& batch, double wait_s,
                     double step_s) {
  const int64_t step = parts_.state.step;
  const double rate = parts_.optimizer.logged_rate(parts_.schedule.at(step));
  const bool by_value = parts_.config.optim.grad_clip_method == "value";
  std::map<std::string, double> values = {
      {"train_loss", result.loss},
      {"optimization_loss", result.sample_losses.back()},
      {"learning_rate", rate},
      {"epoch", static_cast<double>(parts_.state.cursor.epoch + 1)},
      {by_value ? "grad_absmax" : "grad_norm", result.gradient},
      {"samples_seen", static_cast<double>(parts_.state.cursor.samples_seen)},
      {"perf/step_seconds", step_s},
      {"perf/data_wait_seconds", wait_s},
      {"perf/compute_seconds", result.compute_s},
      {"perf/reduce_seconds", result.reduce_s},
      {"perf/update_seconds", result.update_s},
      {"perf/samples_per_second", static_cast<double>(batch.samples.size()) / step_s}};
  if (parts_.ema != nullptr) values["ema_decay_value"] = parts_.ema->decay();
  double regularisation = 0.0;
  double num_regularisation = 0.0;
  std::vector<bool> learnt_from(batch.samples.size(), true);
  for (size_t i = 0; i < batch.samples.size(); ++i) {
    const auto set = static_cast<size_t>(batch.samples[i].dataset);
    if (!parts_.loader->sets()[set].regularisation) continue;
    learnt_from[i] = false;
    regularisation += result.sample_losses[i];
    num_regularisation += 1.0;
  }
  if (num_regularisation > 0) values["regularisation_loss"] = regularisation / num_regularisation;
  if (evaluation_due(parts_.config.validate, span())) evaluate_into(&values);
  parts_.metrics.log(
      step, values,
      {{"train_loss_by_t", loss_by_time(result.sample_times, result.sample_losses, learnt_from)}});
  if (parts_.config.log.print_filenames) parts_.metrics.samples(step, names_of(batch));
  if (step % parts_.config.log.log_interval != 0 && step != parts_.plan.total_steps) return;
  bar_->update(step, fmt::format("epoch {} | loss {:.4f} | {} {:.2e} | lr {:.2e} | data {:.0f} %",
                                 parts_.state.cursor.epoch + 1, result.loss,
                                 by_value ? "gradmax" : "gradnorm", result.gradient, rate,
                                 100.0 * wait_s / step_s));
}

void Trainer::evaluate_into(std::map<std::string, double>* values) {
  const LongWait wait(parts_.job.watchdog());
  EvaluationOutcome outcome = parts_.hooks.evaluate(parts_.state.step);
  best_.offer(parts_.state.step, outcome);
  values->merge(outcome.series);
}

void Trainer::validate() {
  const LongWait wait(parts_.job.watchdog());
  parts_.hooks.validate(parts_.state.step);
  validated_step_ = parts_.state.step;
}

void Trainer::save_if_due(bool requested) {
  const config::TrainConfig& train = parts_.config.train;
  const bool is_adapter = parts_.config.model.model_type == "lora";
  const bool is_last = train.final_checkpoint && parts_.state.step == parts_.plan.total_steps;
  if (requested || is_last || due(train.checkpoint_step_interval)) {
    save();
  } else if (due(train.checkpointing_rolling_steps)) {
    save(CheckpointKind::kRolling);
  } else if (best_.pending() && is_adapter) {  // a whole model takes too much room and time
    save(CheckpointKind::kBest);
  }
  if (!best_.pending()) return;
  if (saved_step_ != parts_.state.step) return best_.forget();
  best_.saved_in(saved_name_);
}

void Trainer::save(CheckpointKind kind) {
  if (saved_step_ == parts_.state.step) return;
  wait_for_save();
  const LongWait wait(parts_.job.watchdog());
  auto complete = parts_.weights.save(store_, saved_state(), kind);
  if (parts_.group.is_root()) writing_.start(std::move(complete), kind);
  saved_step_ = parts_.state.step;
  saved_name_ = CheckpointStore::name_of(saved_step_, kind);
}

void Trainer::note_saved(const std::optional<BackgroundSave::Done>& done) {
  if (!done) return;
  last_checkpoint_ = done->folder.filename().string();
  name_last_checkpoint(last_checkpoint_);
  if (bar_) bar_->finish();
  util::log::info(fmt::format("saved {} in {:.1f} s", done->folder.string(), done->seconds));
  if (best_.complete(last_checkpoint_)) store_.remove_superseded_best();
  if (parts_.hooks.saved) parts_.hooks.saved(done->folder, done->kind != CheckpointKind::kOrdinary);
}

// Ranks that write nothing wait in a collective with the watchdog's limit, so that nobody runs into
// a signal or the end of the run before the checkpoint is there.
void Trainer::wait_for_save() {
  const LongWait wait(parts_.job.watchdog());
  if (parts_.group.is_root()) note_saved(writing_.wait());
  last_checkpoint_ = parts_.group.broadcast_bytes(last_checkpoint_, 0);
  name_last_checkpoint(last_checkpoint_);
}

int Trainer::stop(StopRequest request) {
  save();
  wait_for_save();
  signals_.saved();
  bar_->finish();
  int code = util::kExitDone;
  std::string state = "stopped";
  if (request == StopRequest::kRestart || request == StopRequest::kTerminate) {
    code = util::kExitRestart;
    state = "preempted";
  } else if (request == StopRequest::kInterrupt) {
    code = util::kExitInterrupted;
    state = "preempted";
  }
  parts_.metrics.flush();
  parts_.run_state.end(state, progress(), code);
  util::log::info(
      fmt::format("stopped on request after step {}: {} is complete, start again to go on",
                  parts_.state.step, last_checkpoint_));
  return code;
}

int Trainer::finish() {
  if (bar_) bar_->finish();
  const std::filesystem::path output_dir = parts_.config.train.output_dir;
  if (parts_.config.train.final_checkpoint && parts_.state.step > start_step_) save();
  wait_for_save();
  if (validated_step_ != parts_.state.step && parts_.state.step > start_step_) validate();
  std::filesystem::path result;
  {
    const LongWait wait(parts_.job.watchdog());
    result = parts_.weights.write_result(output_dir, saved_state());
  }
  parts_.metrics.flush();
  const std::string compared = parts_.forecast.at_end();
  if (parts_.group.is_root() && !compared.empty()) util::log::info(compared);
  parts_.run_state.end("complete", progress(), util::kExitDone);
  util::log::info(fmt::format("training complete: {} steps, {}, final {} at {}", parts_.state.step,
                              util::duration_text(since_start_.elapsed_s()),
                              parts_.weights.adapters() != nullptr ? "adapter" : "model",
                              result.string()));
  return util::kExitDone;
}

}  // namespace omnigen::train
