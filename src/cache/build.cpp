#include "cache/build.h"

#include <fmt/format.h>

#include <tuple>

#include "cache/dataset_build.h"
#include "util/stopwatch.h"

namespace omnigen::cache {
namespace {

// A file that changes during every round is left out in the end.
constexpr int kRounds = 2;

}  // namespace

BuildReport build_cache(const BuildContext& context, const config::DatasetConfig& dataset) {
  const util::Stopwatch watch;
  DatasetBuild build(context, dataset, true);
  if (build.is_root()) build.open_folder();
  if (build.is_trusted()) return build.report();
  build.look_at_sources();
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<PlannedShard> plan = build.make_plan();
    if (plan.empty()) break;
    build.encode(plan);
    build.look_at_sources();
    if (!build.must_look_again()) break;
  }
  if (build.is_root()) build.finish();
  context.group.barrier();
  build.report().seconds = watch.elapsed_s();
  return build.report();
}

BuildReport plan_cache(const BuildContext& context, const config::DatasetConfig& dataset) {
  DatasetBuild build(context, dataset, false);
  if (build.is_root()) build.open_folder();
  build.look_at_sources();
  const std::vector<PlannedShard> plan = build.make_plan();
  BuildReport& report = build.report();
  if (!build.is_root()) return report;
  build.describe_plan();
  std::map<std::tuple<std::string, int64_t, int64_t>, int64_t> buckets;
  for (const PlannedShard& shard : plan) {
    for (const io::ShardGroupPlan& group : shard.plan.groups) {
      buckets[{group.bucket, group.target_width, group.target_height}] += std::ssize(group.paths);
    }
    report.num_planned += shard.plan.num_records();
  }
  for (const auto& [key, count] : buckets) {
    const auto& [bucket, width, height] = key;
    report.buckets.push_back({bucket, width, height, count});
  }
  report.planned_bytes = missing_bytes(plan, report.folder);
  return report;
}

std::string mismatch_message(const std::string& dataset_id, const std::filesystem::path& folder,
                             const std::string& what, const std::vector<std::string>& differences) {
  std::string message = fmt::format("data set '{}': the cache in {} {}:", dataset_id,
                                    std::filesystem::absolute(folder).string(), what);
  for (const std::string& line : differences) message += "\n  " + line;
  return message +
         "\neither take the configuration back, or give cache_dir_vae another folder, or rebuild "
         "with: omnigen-cache build --override_dataset_config=true";
}

}  // namespace omnigen::cache
