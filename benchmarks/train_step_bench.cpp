// The training step on the workload of benchmarks/peer/peer_step.py, from cache shard to updated
// factors.
//
//   train_step_bench [--config tiny|small|FILE] [--px 256|256,512] [--batch 1|2|4] [--dtype
//   fp32|bf16]
//   [--threads 1]
//                    [--gc] [--base dense|int8] [--adapt attention|attention+mlp] [--warmup 2]
//                    [--rounds 3] [--json]
//                    [--graphs]: passes recorded and replayed, for which at least 8 warm-up steps
//                    are taken
//                    [--profile]: then as many rounds again, time by part
//                    [--memory]: steps to 1000 instead of rounds, resident set after 100 and 1000
//
// Under mpirun every rank has four samples a round of its own; rates are then of all ranks.
// The keys of its JSON are those of peer_step.py. Times are of rounds of four samples.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>

#include "bench_support.h"
#include "bench_training.h"
#include "comm/job.h"
#include "machine.h"
#include "train/step_profile.h"
#include "util/profile.h"
#include "util/stopwatch.h"
#include "workload.h"

namespace omnigen::bench {
namespace {

constexpr int64_t kMemoryFirstStep = 100;
constexpr int64_t kMemoryLastStep = 1000;
constexpr int64_t kStepsToRecord = 4 * (train::GraphedPasses::kEager + 1);

struct Plan {
  int64_t warmup = 2;  // steps not counted
  int64_t rounds = 3;
  bool memory = false;
  bool profile = false;
};

// Seconds of the parts of steps, added up.
struct Parts {
  double wait_s = 0.0;
  double compute_s = 0.0;
  double reduce_s = 0.0;
  double update_s = 0.0;

  [[nodiscard]] double total_s() const { return wait_s + compute_s + reduce_s + update_s; }
};

double timed_step(Training& training, Parts& parts) {
  util::Stopwatch watch;
  const train::LoadedBatch batch = training.batches().next();
  parts.wait_s += watch.lap_s();
  const train::StepResult result = training.step(batch.micro_batches);
  synchronize();
  TORCH_CHECK(result.finite, "the step's loss or gradient is not finite");
  parts.compute_s += result.compute_s;
  parts.reduce_s += result.reduce_s;
  parts.update_s += result.update_s;
  return watch.lap_s();
}

void measure_rounds(Training& training, const Plan& plan, Report& report) {
  const auto& options = training.options();
  reset_peak_rss();
  Parts parts;
  for (int64_t i = 0; i < plan.warmup; ++i) timed_step(training, parts);
  parts = {};
  const OthersCpu others;
  std::vector<double> seconds;
  const auto samples = static_cast<int64_t>(kTextLengths.size());
  for (int64_t round = 0; round < plan.rounds; ++round) {
    const util::Stopwatch watch;
    for (int64_t i = 0; i < samples / options.batch; ++i) timed_step(training, parts);
    seconds.push_back(watch.elapsed_s());
  }
  const double share_of_others = others.share();
  const double peak_mib = peak_rss_mib();

  const Timing timing = summarize(seconds);
  const double ranks = training.ranks();
  const double gflop = ranks * useful_gflop(options.config, options.px, options.adapt);
  const double gflops = gflop / timing.median;
  const double images_per_s = ranks * static_cast<double>(samples) / timing.median;
  const double tokens_per_s = ranks * static_cast<double>(round_tokens(options.px)) / timing.median;
  report.object().update(
      {{"others_cpu", share_of_others},
       {"round_s",
        {{"min", timing.min}, {"median", timing.median}, {"max", timing.max}, {"n", timing.count}}},
       {"steps_per_s",
        static_cast<double>(samples) / static_cast<double>(options.batch) / timing.median},
       {"images_per_s", images_per_s},
       {"tokens_per_s", tokens_per_s},
       {"useful_gflop_per_round", gflop},
       {"gflops", gflops},
       {"gflops_best", gflop / timing.min},
       {"peak_rss_mib", peak_mib},
       {"share",
        {{"data", parts.wait_s / parts.total_s()},
         {"forward+backward", parts.compute_s / parts.total_s()},
         {"reduce", parts.reduce_s / parts.total_s()},
         {"optimizer", parts.update_s / parts.total_s()}}}});
  report.add(
      "round of 4 samples", timing,
      {{"images/s", images_per_s},
       {"tokens/s", tokens_per_s},
       {"GFLOP/s", gflops},
       {"% of peak (MFU)", 100 * gflops / ranks / peak_gflops(options.dtype, options.device)},
       {"% data wait", 100 * parts.wait_s / parts.total_s()},
       {"MiB peak RSS", peak_mib},
       {"others_cpu", share_of_others}});
}

// Which parts of a step the time goes to.
void profile_rounds(Training& training, const Plan& plan) {
  const int64_t steps =
      plan.rounds * static_cast<int64_t>(kTextLengths.size()) / training.options().batch;
  Parts parts;
  util::start_profile({});
  for (int64_t i = 0; i < steps; ++i) timed_step(training, parts);
  const auto threads = util::stop_profile();
  for (const std::string& line : train::profile_table(
           train::cost_by_part(threads), steps, train::measure_roof(training.transformer()))) {
    std::cout << line << "\n";
  }
}

void measure_memory(Training& training, Report& report) {
  Parts parts;
  std::vector<double> seconds;
  double first_mib = 0.0;
  for (int64_t step = 1; step <= kMemoryLastStep; ++step) {
    seconds.push_back(timed_step(training, parts));
    if (step == kMemoryFirstStep) first_mib = rss_mib();
  }
  const double last_mib = rss_mib();
  report.object().update({{"rss_mib_step_100", first_mib},
                          {"rss_mib_step_1000", last_mib},
                          {"data_wait", parts.wait_s / parts.total_s()}});
  report.add("step", summarize(seconds),
             {{"MiB RSS after step 100", first_mib},
              {"MiB RSS after step 1000", last_mib},
              {"% growth", 100 * (last_mib / first_mib - 1)},
              {"% data wait", 100 * parts.wait_s / parts.total_s()}});
}

// "256", or "256,512".
Sides sides_of(const std::string& text) {
  Sides sides;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) sides.push_back(std::stoll(word));
  TORCH_CHECK(!sides.empty(), "--px: no size in \"", text, "\"");
  return sides;
}

void bench(comm::ProcessGroup& group, Arguments& arguments) {
  if (!group.is_root()) std::cout.setstate(std::ios::failbit);  // one rank reports
  TrainingOptions options;
  const std::string config = arguments.text("config", "tiny");
  options.config = load_config(config);
  options.config.num_layers = arguments.integer("layers", options.config.num_layers);
  const std::string px = arguments.text("px", "256");
  options.px = sides_of(px);
  options.batch = arguments.integer("batch", options.batch);
  const std::string dtype = arguments.text("dtype", "fp32", {"fp32", "bf16"});
  options.dtype = dtype_of(dtype);
  options.device = device_of(arguments.text("device", "cpu", {"cpu", "cuda"}));
  options.adapt = arguments.text("adapt", options.adapt, {"attention", "attention+mlp"});
  options.checkpointing = arguments.flag("gc");
  const std::string base = arguments.text("base", "dense", {"dense", "int8"});
  options.int8_base = base == "int8";
  Plan plan;
  plan.warmup = arguments.integer("warmup", plan.warmup);
  plan.rounds = arguments.integer("rounds", plan.rounds);
  plan.memory = arguments.flag("memory");
  plan.profile = arguments.flag("profile");
  if (options.px.size() > 1) plan.warmup = std::max<int64_t>(plan.warmup, 4);  // a whole round
  options.graphs = arguments.flag("graphs");
  if (options.graphs) plan.warmup = std::max(plan.warmup, kStepsToRecord);
  at::set_num_threads(static_cast<int>(arguments.integer("threads", 1)));
  Report report("train_step", arguments);
  arguments.require_known();

  Training training(options, group);
  training.check();
  report.object().update(
      {{"config", config},
       {"layers", options.config.num_layers},
       {"px", options.px.size() == 1 ? nlohmann::json(options.px[0]) : nlohmann::json(px)},
       {"batch", options.batch},
       {"dtype", dtype},
       {"base", base},
       {"adapt", options.adapt},
       {"checkpointing", options.checkpointing},
       {"trainable", training.num_trained()},
       {"ranks", group.size()}});
  if (plan.memory) {
    measure_memory(training, report);
  } else {
    measure_rounds(training, plan, report);
  }
  report.finish();
  if (plan.profile) profile_rounds(training, plan);
}

}  // namespace
}  // namespace omnigen::bench

int main(int argc, char** argv) {
  omnigen::comm::Job job(&argc, &argv);
  return omnigen::bench::run([&] {
    omnigen::bench::Arguments arguments(argc, argv);
    omnigen::bench::bench(job.group(), arguments);
  });
}
