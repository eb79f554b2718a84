// omnigen-cache build: encodes every data set of a configuration that is trained on or evaluated.
#include "cache/build.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "arguments.h"
#include "comm/group_factory.h"
#include "config/load.h"
#include "util/error.h"
#include "util/log.h"
#include "util/progress.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

constexpr size_t kShownFailures = 10;

// Read on rank 0; the others get what it made of it.
config::LoadResult load_everywhere(comm::ProcessGroup& group, const Arguments& arguments) {
  config::LoadResult loaded;
  std::string resolved;
  if (group.is_root()) {
    config::LoadOptions options;
    options.purpose = config::Purpose::kCache;
    options.environment = [](const char* name) -> const char* { return std::getenv(name); };
    options.own_flags = {"plan"};
    loaded = config::load(arguments, options);
    for (const std::string& line : loaded.notices) util::log::info(line);
    for (const std::string& line : loaded.warnings) util::log::warn(line);
    resolved = loaded.resolved.dump();
  }
  resolved = group.broadcast_bytes(resolved, 0);
  return group.is_root() ? std::move(loaded) : config::from_json(resolved);
}

std::string buckets_text(const std::vector<data::IndexedBucket>& buckets) {
  std::string text;
  for (const data::IndexedBucket& bucket : buckets) {
    text += fmt::format("\n  {:>6}  {}x{}  {} images", bucket.bucket, bucket.width, bucket.height,
                        bucket.count);
  }
  return text;
}

std::string left_out_text(const cache::BuildReport& report) {
  std::string text;
  for (const auto& [reason, count] : report.counters) {
    if (reason != "listed") text += fmt::format("\n  left out: {} {}", count, reason);
  }
  for (size_t i = 0; i < std::min(kShownFailures, report.failed.size()); ++i) {
    const cache::FailedFile& file = report.failed[i];
    text += fmt::format("\n  left out: {}: {}{}", data::printable_path(file.path),
                        cache::reason_text(file.reason),
                        file.detail.empty() ? "" : " (" + file.detail + ")");
  }
  if (report.failed.size() > kShownFailures) {
    text += fmt::format("\n  left out: {} more unusable files, see {}.index.json",
                        report.failed.size() - kShownFailures, report.dataset_id);
  }
  return text;
}

void print_plan(const cache::BuildReport& report) {
  util::log::info(fmt::format(
      "data set '{}' in {}: {} files, {} encoded already, {} to encode "
      "({:.1f} MB){}{}",
      report.dataset_id, report.folder.string(), report.counters.at("listed"), report.num_records,
      report.num_planned, static_cast<double>(report.planned_bytes) / 1e6,
      buckets_text(report.buckets), left_out_text(report)));
}

void print_report(const cache::BuildReport& report) {
  if (!report.changed) {
    util::log::info(fmt::format("data set '{}' in {}: complete, {} records; nothing to do{}",
                                report.dataset_id, report.folder.string(), report.num_records,
                                left_out_text(report)));
    return;
  }
  util::log::info(
      fmt::format("data set '{}' in {}: {} records; {} encoded now{} in {}, {} files left out{}{}",
                  report.dataset_id, report.folder.string(), report.num_records, report.num_encoded,
                  report.num_resumed > 0
                      ? fmt::format(", {} found from an interrupted build", report.num_resumed)
                      : "",
                  util::duration_text(report.seconds), report.failed.size(),
                  buckets_text(report.buckets), left_out_text(report)));
}

// SimpleTuner's users look for it. Token ids lie beside the latents.
void make_text_folder(const config::DatasetConfig& dataset) {
  std::error_code error;
  std::filesystem::create_directories(dataset.cache_dir, error);
  if (error) {
    throw util::DataError(fmt::format("data set '{}': cache_dir {} cannot be made: {}", dataset.id,
                                      dataset.cache_dir, error.message()));
  }
  util::log::info(fmt::format("data set '{}': {} stays empty, OmniGen has no text encoder",
                              dataset.id, dataset.cache_dir));
}

}  // namespace

int run_build(comm::Job& job, const Arguments& arguments) {
  comm::ProcessGroup& group = job.group();
  const config::LoadResult loaded = load_everywhere(group, arguments);
  const config::Config& config = loaded.config;
  util::log::set_level(config.log.log_level);
  const bool plan_only = group.any(loaded.own.contains("plan"));
  const comm::GroupOptions device_options = {
      .device = config.model.device,
      .nccl_init_s = static_cast<double>(config.comm.nccl_init_seconds),
      .allow_gpu_sharing = config.comm.allow_gpu_sharing};
  const cache::BuildContext context = {
      .config = config,
      .datasets = loaded.datasets,
      .group = group,
      .device = [&] { return comm::choose_device(device_options, job); },
      .cores_per_rank = at::get_num_threads()};
  int64_t num_sets = 0;
  for (const config::DatasetConfig& dataset : loaded.datasets) {
    if (dataset.dataset_type == "text_embeds" && group.is_root() && !plan_only) {
      make_text_folder(dataset);
    }
    if (!dataset.is_trained() && !dataset.is_eval()) continue;
    ++num_sets;
    const cache::BuildReport report =
        plan_only ? cache::plan_cache(context, dataset) : cache::build_cache(context, dataset);
    if (group.is_root()) plan_only ? print_plan(report) : print_report(report);
  }
  if (num_sets == 0) {
    throw util::ConfigError("no enabled data set of dataset_type image or eval: nothing to cache");
  }
  return util::kExitDone;
}

}  // namespace omnigen::tools
