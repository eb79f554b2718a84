#include "train/run.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cache/vae_identity.h"
#include "comm/group_factory.h"
#include "comm/rank_agreement.h"
#include "comm/recorder.h"
#include "io/atomic_file.h"
#include "optim/make_optimizer.h"
#include "train/adapter_weights.h"
#include "train/data_doubts.h"
#include "train/evaluation.h"
#include "train/measure.h"
#include "train/memory_advice.h"
#include "train/output_lock.h"
#include "train/report_verb.h"
#include "train/resume_point.h"
#include "train/run_facts.h"
#include "train/run_services.h"
#include "train/run_setup.h"
#include "train/start_times.h"
#include "train/step_forecast.h"
#include "train/step_profile.h"
#include "train/trainer.h"
#include "train/whole_model.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

constexpr int64_t kLatentsForRange = 64;  // enough for a stable spectrum

void log_configuration(const config::LoadResult& loaded) {
  for (const std::string& notice : loaded.notices) util::log::info(notice);
  for (const std::string& warning : loaded.warnings) util::log::warn(warning);
}

// Sizes and prompts that cannot be are told before weights and caches are read.
void check_validation(const config::LoadResult& loaded) {
  if (loaded.config.validate.validation_disable) return;
  static_cast<void>(validation_prompts(loaded));
  static_cast<void>(validation_resolutions(loaded.config.validate));
}

// Of latents that are there already; nothing where none is (vae_cache_ondemand).
std::optional<LossRange> loss_range(const std::vector<LoaderSet>& sets) {
  std::vector<at::Tensor> latents;
  for (const LoaderSet& set : sets) {
    const data::Dataset& dataset = *set.set.dataset;
    for (int64_t i = 0; i < dataset.size() && std::ssize(latents) < kLatentsForRange; ++i) {
      if (dataset.has_latent(i)) latents.push_back(dataset.latent(i));
    }
  }
  if (latents.empty()) return std::nullopt;
  return expected_loss(latents);
}

void log_plan(const RunPlan& plan, const config::Config& config, const ModelSizes& sizes,
              const comm::GroupAndDevice& group, const std::optional<LossRange>& range,
              const StepForecast& forecast) {
  for (const std::string& line : describe(plan)) util::log::info(line);
  util::log::info(fmt::format("  trained parameters {} of {} in the model, {} on {} through {}",
                              sizes.num_trained, sizes.num_base, precision_text(config.model),
                              group.device.str(), group.backend));
  const config::OptimConfig& optim = config.optim;
  const double rate = optim::peak_rate(optim, plan.batch.global_batch());
  util::log::info(fmt::format("  {} rate {:.3g}, {} with {} warm-up steps, clip {} {:g}, seed {}",
                              optim.optimizer, rate, optim.lr_scheduler, optim.lr_warmup_steps,
                              optim.grad_clip_method, optim::clip_options(optim).limit,
                              config.train.seed));
  if (rate != optim.learning_rate) {
    util::log::info(fmt::format("  lr_scale: learning rate {:.3g} becomes {:.3g} with batch {}",
                                optim.learning_rate, rate, plan.batch.global_batch()));
  }
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  util::log::info(fmt::format(
      "  the model's weights {:.2f} GiB, trained ones with gradients, averages and optimizer state "
      "{:.2f} GiB a rank",
      static_cast<double>(sizes.base_bytes) / kGiB,
      static_cast<double>(sizes.trained_bytes) / kGiB));
  for (const std::string& line : describe(forecast, plan)) util::log::info(line);
  if (!range) return;
  util::log::info(
      fmt::format("  expected loss: {:.3f} knows nothing, {:.3f} knows the latents' spectrum only; "
                  "good models are below",
                  range->zero_predictor, range->spectrum_only));
}

// Everything that lives as long as a run, in the order in which it is made.
class Run {
 public:
  Run(const config::LoadResult& loaded, comm::Job& job)
      : loaded_(loaded),
        config_(loaded.config),
        job_(job),
        group_(comm::make_process_group(
            {config_.model.device, static_cast<double>(config_.comm.nccl_init_seconds),
             config_.comm.allow_gpu_sharing},
            job)),
        run_state_(config_.train.output_dir, job.rank() == 0) {}

  int train();

 private:
  void announce();
  std::string prepare();
  void load();
  void load_model();
  // `checkpoint`: where the run goes on, or empty.
  void attach(const std::string& checkpoint);
  [[nodiscard]] RunPlan planned() const;
  [[nodiscard]] ModelSizes model_sizes() const;
  [[nodiscard]] TrainStep::Parts step_parts();
  [[nodiscard]] Evaluation::Parts evaluation_parts(Metrics& metrics);
  SampleCost forecast(const RunPlan& plan, const SampleLoader& loader);
  void start_from(const std::string& checkpoint, Trainer& trainer, RunPlan& plan);
  void finish(const TrainingState& state, bool complete, Metrics& metrics);
  void describe_start(const RunPlan& plan) const;
  [[nodiscard]] bool is_root() const { return job_.rank() == 0; }

  const config::LoadResult& loaded_;
  const config::Config& config_;
  comm::Job& job_;
  comm::GroupAndDevice group_;
  StartTimes start_times_;
  RunState run_state_;
  std::vector<std::string> hosts_;  // by rank
  RunData data_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
  std::unique_ptr<model::OmniGenTransformer> transformer_;
  std::unique_ptr<TrainedWeights> weights_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<optim::Ema> ema_;
  std::unique_ptr<EmaWeights> ema_weights_;
  std::unique_ptr<comm::Recorder> recorder_;  // null: passes are not recorded
  std::unique_ptr<Publisher> publisher_;      // rank 0
  StepForecast forecast_;
};

void Run::load_model() {
  const auto folder = model_folder(config_.model);
  tokenizer_ = std::make_unique<tokenizer::Tokenizer>(load_tokenizer(folder));
  transformer_ =
      model::load_transformer(folder, transformer_placement(config_.model, group_.device));
}

void Run::attach(const std::string& checkpoint) {
  if (trains_whole_model(config_.model)) {
    weights_ = std::make_unique<WholeModel>(WholeModel::Parts{
        *transformer_,
        {config_.model.pretrained_model_name_or_path, cache::vae_folder(config_.model)},
        *group_.group});
  } else {
    weights_ =
        std::make_unique<AdapterWeights>(adapter_plan(config_.adapter), transformer_->module_tree(),
                                         config_, group_.device, *group_.group);
  }
  if (config_.optim.reset_optimizer && !checkpoint.empty()) weights_->start_at(checkpoint);
  optimizer_ = weights_->make_optimizer(config_.optim, static_cast<uint64_t>(config_.train.seed));
  if (!config_.optim.use_ema) return;
  ema_ = weights_->make_ema(
      {config_.optim.ema_decay, config_.optim.ema_update_interval, config_.optim.ema_warmup_steps});
  ema_weights_ = std::make_unique<EmaWeights>(weights_->parameters(), weights_->ema_holders(),
                                              ema_.get(), *group_.group);
}

TrainStep::Parts Run::step_parts() {
  if (config_.model.cuda_graphs && group_.device.is_cuda()) {
    recorder_ = comm::make_recorder(group_.device);
  }
  return {*transformer_, weights_->adapters(), weights_->gradients(),
          *optimizer_,   *group_.group,        optim::clip_options(config_.optim),
          ema_.get(),    recorder_.get()};
}

Evaluation::Parts Run::evaluation_parts(Metrics& metrics) {
  return {config_.validate,
          *group_.group,
          *transformer_,
          weights_->adapters(),
          data_.eval,
          *optimizer_,
          ema_weights_.get(),
          metrics,
          config_.train.output_dir,
          base_weights_id(config_.model)};
}

ModelSizes Run::model_sizes() const {
  const model::TransformerConfig& shape = transformer_->config();
  const model::Placement placement = transformer_placement(config_.model, group_.device);
  return {model::num_parameters(shape),
          model::weight_bytes(shape, placement),
          weights_->num_parameters(),
          weights_->training_bytes(config_.optim.use_ema) + optimizer_->state_bytes(),
          shape.hidden_size,
          shape.num_layers};
}

void Run::describe_start(const RunPlan& plan) const {
  const ModelSizes sizes = model_sizes();
  const auto range = loss_range(data_.train);
  log_plan(plan, config_, sizes, group_, range, forecast_);
  util::log::info("  " + start_times_.line());
  const std::vector<std::string> doubts = data_doubts(loaded_.datasets, data_);
  write_run_facts(config_,
                  facts_of_run({loaded_, plan, data_, sizes, weights_->adapters(), range, doubts}),
                  facts_of_machine(plan, group_, hosts_));
  for (const std::string& doubt : doubts) util::log::warn(doubt);
}

// Returns what the forecast is reckoned with.
SampleCost Run::forecast(const RunPlan& plan, const SampleLoader& loader) {
  start_times_.lap("prompts and trackers");
  const SampleCost cost(transformer_->config(), trains_whole_model(config_.model));
  Forecaster forecaster({config_, *group_.group, job_.local_size(), *transformer_, *weights_,
                         *optimizer_, loader, cost, plan});
  forecast_ = advise_on_memory(training_use(config_, plan), [&] { return forecaster.plan(); });
  start_times_.lap("trial steps");
  return cost;
}

// Where the run stands, for who looks at the folder, from now on to its end or failure.
void Run::announce() {
  run_state_.describe(state_facts(config_, job_, group_));
  run_state_.set("starting", {});
  // By value: the hook outlives this run and its configuration.
  job_.set_failure_hook([output_dir = config_.train.output_dir](const comm::FatalReport& report) {
    RunState(output_dir, true)
        .end("failed", {report.step, 0, 0, "", 0}, report.exit_code,
             comm::fatal_line("omnigen-dist", report));
  });
}

void Run::load() {
  hosts_ = group_.group->all_gather_bytes(job_.host());
  data_ = open_data(loaded_, *group_.group, group_.device);
  for (const auto& [id, fingerprint] : data_.fingerprints.items()) {
    comm::check_same_everywhere(*group_.group, job_.host(), "cache of data set " + id,
                                fingerprint.get<std::string>());
  }
  start_times_.lap("data");
  advise_on_memory(loading_use(config_.model), [this] { load_model(); });
  start_times_.lap("model");
}

RunPlan Run::planned() const {
  const config::TrainConfig& train = config_.train;
  return make_plan(data_.train,
                   {train.train_batch_size, train.gradient_accumulation_steps, group_.group->size(),
                    train.micro_batch_tokens},
                   train.max_train_steps, train.num_train_epochs);
}

// Returns where the run goes on.
std::string Run::prepare() {
  start_times_.lap("ranks and services");
  load();
  std::string checkpoint = resume_point(config_.train, *group_.group);
  attach(checkpoint);
  start_times_.lap("trained weights");
  return checkpoint;
}

int Run::train() {
  comm::ProcessGroup& group = *group_.group;
  announce();
  const auto hub = is_root() ? find_services(loaded_) : std::nullopt;
  const std::string checkpoint = prepare();

  RunPlan plan = planned();
  const std::filesystem::path output_dir = config_.train.output_dir;
  Metrics metrics({output_dir / config_.log.logging_dir, is_root(), config_.log.print_filenames},
                  is_root() ? start_trackers(loaded_) : Trackers());
  Measure measure({config_, group, *transformer_, weights_->adapters(), group_.device, *optimizer_,
                   ema_weights_.get(), metrics},
                  validate_options(loaded_, *tokenizer_, is_root()));
  Evaluation evaluation(evaluation_parts(metrics));
  if (is_root()) publisher_ = make_publisher(loaded_, plan, hub);
  TrainStep step(step_parts());
  StepProfile profile({config_.train.profile, output_dir / "profile", group.rank()}, *transformer_);
  const auto loader =
      std::make_shared<SampleLoader>(data_.train, loader_options(loaded_, *tokenizer_));
  const SampleCost cost = forecast(plan, *loader);
  const optim::LrSchedule schedule =
      optim::make_schedule(config_.optim, plan.total_steps, plan.batch.global_batch());
  Trainer trainer({config_,
                   job_,
                   group,
                   *weights_,
                   *optimizer_,
                   step,
                   profile,
                   ema_.get(),
                   loader,
                   cost,
                   plan,
                   {forecast_, group_.device},
                   schedule,
                   metrics,
                   run_state_,
                   {[&](int64_t at) { return evaluation.run(at); },
                    [&](int64_t at) {
                      const auto images = measure.validate(at);
                      if (publisher_) publisher_->images(at, images);
                    },
                    [&](const std::filesystem::path& folder, bool temporary) {
                      const TrainingState& state = trainer.state();
                      publisher_->checkpoint(folder, state.step, state.cursor.epoch, temporary);
                    }},
                   initial_state(config_, data_.fingerprints, group.size())});
  measure.render_benchmarks(checkpoint.empty());
  evaluation.evaluate_untouched();

  start_from(checkpoint, trainer, plan);
  if (config_.validate.validation_on_startup) measure.validate(trainer.state().step);
  const int exit_code =
      advise_on_memory(training_use(config_, plan), [&] { return trainer.run(); });
  finish(trainer.state(), trainer.state().step >= plan.total_steps, metrics);
  return exit_code;
}

// Resumes where there is a checkpoint, and says what is about to be trained.
void Run::start_from(const std::string& checkpoint, Trainer& trainer, RunPlan& plan) {
  start_times_.lap("images and losses before training");
  if (!checkpoint.empty()) {
    trainer.resume(checkpoint);
    plan.start_step = trainer.state().step;
    if (is_root()) {
      util::log::info(fmt::format("resuming from {}: step {} of {}, epoch {}",
                                  std::filesystem::path(checkpoint).filename().string(),
                                  plan.start_step, plan.total_steps,
                                  trainer.state().cursor.epoch + 1));
    }
  } else if (is_root()) {
    util::log::info(fmt::format("no checkpoint in {}: starting afresh", config_.train.output_dir));
  }
  if (is_root()) describe_start(plan);
}

// Trackers and uploads may take a while; the other ranks wait for rank 0.
void Run::finish(const TrainingState& state, bool complete, Metrics& metrics) {
  job_.watchdog().set_phase(comm::Watchdog::Phase::kPreparing);
  metrics.finish();
  if (is_root() && complete) report_finished_run(config_.train.output_dir);
  if (publisher_) publisher_->finish(state.step, state.cursor.epoch, complete);
}

}  // namespace

config::LoadResult load_on_root(const std::vector<std::string>& args, comm::ProcessGroup& group) {
  config::LoadResult loaded;
  if (group.is_root()) {
    loaded = config::load(args, {config::Purpose::kTrain, comm::environment_variable, {}, {}});
    log_configuration(loaded);
    check_validation(loaded);
  }
  const std::string resolved =
      group.broadcast_bytes(group.is_root() ? loaded.resolved.dump() : "", 0);
  if (!group.is_root()) loaded = config::from_json(resolved);
  return loaded;
}

int run_training(const config::LoadResult& loaded, comm::Job& job) {
  const config::Config& config = loaded.config;
  util::log::set_level(config.log.log_level);
  allow_tf32(!config.model.disable_tf32);
  if (config.model.torch_num_threads > 0)
    at::set_num_threads(static_cast<int>(config.model.torch_num_threads));
  job.watchdog().set_limits({static_cast<double>(config.comm.startup_timeout_seconds),
                             static_cast<double>(config.comm.process_group_timeout_seconds)});
  comm::check_same_everywhere(job.group(), job.host(), "build", comm::build_id());
  std::unique_ptr<OutputLock> lock;
  if (job.rank() == 0) {
    lock = std::make_unique<OutputLock>(config.train.output_dir);
    std::filesystem::create_directories(std::filesystem::path(config.train.output_dir) /
                                        config.log.logging_dir);
  }
  comm::check_shared_folder(job.group(), job.host(), config.train.output_dir);
  util::log::add_file(std::filesystem::path(config.train.output_dir) / config.log.logging_dir);
  if (job.rank() == 0) {
    io::write_atomically(std::filesystem::path(config.train.output_dir) / "simpletuner_config.json",
                         loaded.resolved.dump(2) + "\n");
  }
  return Run(loaded, job).train();
}

}  // namespace omnigen::train
