// Summing a flat float32 buffer over ranks, from latency to bandwidth.
//
//   launch/mpirun.sh -n 2 build/benchmarks/all_reduce_bench [--largest_mib 256] [--threads 1]
//   [--json]
//
// Bus bandwidth is S/t · 2(n-1)/n: what each rank's link must carry at least, comparable over n. On
// one machine its ceiling is that of copying in memory, shared by all ranks.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "bench_support.h"
#include "comm/job.h"
#include "machine.h"
#include "util/stopwatch.h"

namespace omnigen::bench {
namespace {

constexpr int64_t kSmallestBytes = 1024;
constexpr int64_t kStride = 8;
constexpr int64_t kWarmUp = 3;
constexpr double kBudgetSeconds = 1.0;

// Every rank makes the same number of calls, at least 5 and at most 200.
int64_t calls_within_budget(comm::ProcessGroup& group, double seconds_of_one) {
  const double slowest = group.all_reduce_max(seconds_of_one);
  return std::clamp(static_cast<int64_t>(kBudgetSeconds / slowest), int64_t{5}, int64_t{200});
}

// A call's time is that of its slowest rank.
Timing time_all_reduce(comm::ProcessGroup& group, at::Tensor& values) {
  double last = 0.0;
  for (int64_t i = 0; i < kWarmUp; ++i) {
    const util::Stopwatch watch;
    group.all_reduce_sum(values);
    last = watch.elapsed_s();
  }
  std::vector<double> seconds;
  for (int64_t i = calls_within_budget(group, last); i > 0; --i) {
    group.barrier();
    const util::Stopwatch watch;
    group.all_reduce_sum(values);
    synchronize();
    seconds.push_back(group.all_reduce_max(watch.elapsed_s()));
  }
  return summarize(std::move(seconds));
}

// Rank r contributes r + 1 everywhere, so that the sum is known.
void check_sum(comm::ProcessGroup& group) {
  at::Tensor values = at::full({12345}, static_cast<float>(group.rank() + 1));
  group.all_reduce_sum(values);
  const double sum = 0.5 * group.size() * (group.size() + 1);
  check_close(values, at::full({12345}, sum), 0.0, "all_reduce_sum");
}

void bench(comm::ProcessGroup& group, Arguments& arguments) {
  const int64_t largest = arguments.integer("largest_mib", 256) << 20;
  at::set_num_threads(static_cast<int>(arguments.integer("threads", 1)));
  std::optional<Report> report;
  if (group.is_root()) {
    report.emplace("all_reduce", arguments);
    report->object()["ranks"] = group.size();
  } else {
    arguments.flag("json");
  }
  arguments.require_known();

  check_sum(group);
  const double roof = group.is_root() ? peak_copy_gb_per_s(at::kCPU) : 0.0;
  group.barrier();
  const double n = group.size();
  for (int64_t num_bytes = kSmallestBytes; num_bytes <= largest; num_bytes *= kStride) {
    at::Tensor values = at::zeros({num_bytes / 4});
    const Timing timing = time_all_reduce(group, values);
    if (!report) continue;
    const double bus = 1e-9 * static_cast<double>(num_bytes) / timing.median * 2 * (n - 1) / n;
    report->add(fmt::format("{} KiB", num_bytes / 1024), timing,
                {{"bus GB/s", bus}, {"% of copy bandwidth", 100 * bus / roof}});
  }
  if (report) report->finish();
}

}  // namespace
}  // namespace omnigen::bench

int main(int argc, char** argv) {
  omnigen::comm::Job job(&argc, &argv);
  return job.run([&] {
    omnigen::bench::Arguments arguments(argc, argv);
    omnigen::bench::bench(job.group(), arguments);
    return 0;
  });
}
