#include "train/run_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "io/atomic_file.h"
#include "util/version.h"

namespace omnigen::train {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kVersion = 1;
constexpr int64_t kExamples = 8;  // of a data set

// Evenly over the records, which are in path order.
std::vector<int64_t> example_records(int64_t size) {
  const int64_t count = std::min(size, kExamples);
  std::vector<int64_t> records;
  for (int64_t k = 0; k < count; ++k) records.push_back(k * size / count);
  return records;
}

Json example(const data::Dataset& dataset, int64_t record) {
  const data::RecordMeta& meta = dataset.meta(record);
  const data::RecordCrop& crop = meta.crop;
  return {{"path", meta.path},
          {"caption", dataset.caption(record, 0)},
          {"captions", meta.num_captions},
          {"source", {crop.source.width, crop.source.height}},
          {"resized", {crop.resized.width, crop.resized.height}},
          {"crop", {crop.left, crop.top, meta.target_width, meta.target_height}}};
}

Json facts_of_model(const FactSources& sources) {
  const config::ModelConfig& model = sources.loaded.config.model;
  return {{"path", model.pretrained_model_name_or_path}, {"type", model.model_type},
          {"precision", precision_text(model)},          {"parameters", sources.sizes.num_base},
          {"hidden_size", sources.sizes.hidden_size},    {"layers", sources.sizes.num_layers}};
}

Json facts_of_trained(const FactSources& sources) {
  Json trained = {{"parameters", sources.sizes.num_trained}};
  if (sources.adapters != nullptr) {
    trained["modules"] = sources.adapters->num_modules();
    trained["lines"] = sources.adapters->notices();
  }
  return trained;
}

int64_t unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

Json facts_of_dataset(const data::Dataset& dataset, const std::string& kind,
                      const std::vector<config::DatasetConfig>& datasets) {
  std::map<std::pair<int64_t, int64_t>, int64_t> sizes;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    ++sizes[{dataset.meta(i).target_width, dataset.meta(i).target_height}];
  }
  Json facts = {{"id", dataset.id()}, {"kind", kind}, {"images", dataset.size()}};
  for (const config::DatasetConfig& config : datasets) {
    if (config.id == dataset.id()) facts["folder"] = fs::absolute(config.instance_data_dir);
  }
  facts["sizes"] = Json::array();
  for (const auto& [size, count] : sizes)
    facts["sizes"].push_back({size.first, size.second, count});
  facts["examples"] = Json::array();
  for (const int64_t record : example_records(dataset.size())) {
    facts["examples"].push_back(example(dataset, record));
  }
  return facts;
}

Json facts_of_run(const FactSources& sources) {
  const config::Config& config = sources.loaded.config;
  Json facts = {{"model", facts_of_model(sources)},
                {"trained", facts_of_trained(sources)},
                {"effective_batch", sources.plan.batch.global_batch()},
                {"total_steps", sources.plan.total_steps},
                {"epochs", sources.plan.epochs},
                {"samples_per_epoch", sources.plan.samples_per_epoch}};
  if (sources.range) {
    facts["expected_loss"] = {{"zero_predictor", sources.range->zero_predictor},
                              {"spectrum_only", sources.range->spectrum_only}};
  }
  facts["data_sets"] = Json::array();
  for (const LoaderSet& set : sources.data.train) {
    Json of_set =
        facts_of_dataset(*set.set.dataset, set.regularisation ? "regularisation" : "training",
                         sources.loaded.datasets);
    of_set["repeats"] = set.set.repeats;
    if (set.masks) of_set["masks"] = set.masks->id();
    facts["data_sets"].push_back(of_set);
  }
  for (const data::DatasetPtr& set : sources.data.eval) {
    facts["data_sets"].push_back(facts_of_dataset(*set, "evaluation", sources.loaded.datasets));
  }
  facts["prompts"] = Json::array();
  if (!config.validate.validation_disable) {
    for (const auto& entry : validation_prompts(sources.loaded).entries) {
      facts["prompts"].push_back(
          {{"name", validate::file_stem(entry.short_name)}, {"text", entry.text}});
    }
  }
  facts["doubts"] = sources.doubts;
  return facts;
}

Json facts_of_machine(const RunPlan& plan, const comm::GroupAndDevice& group,
                      const std::vector<std::string>& hosts) {
  return {{"ranks", plan.batch.world_size},
          {"micro_batch", plan.batch.micro_batch},
          {"accumulation", plan.batch.accumulation},
          {"hosts", hosts},
          {"backend", group.backend},
          {"device", group.device.str()},
          {"version", util::version_text()},
          {"libraries", comm::library_versions()},
          {"started", unix_time()}};
}

void write_run_facts(const config::Config& config, const Json& run, const Json& machine) {
  const Json all = {{"version", kVersion}, {"run", run}, {"machine", machine}};
  io::write_atomically(
      fs::path(config.train.output_dir) / config.log.logging_dir / "run_facts.json",
      all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

nlohmann::json state_facts(const config::Config& config, const comm::Job& job,
                           const comm::GroupAndDevice& group) {
  return {{"version", util::version_text()},
          {"world_size", job.size()},
          {"backend", group.backend},
          {"launcher", job.launcher()},
          {"host", job.host()},
          {"slurm_job_id", job.environment().slurm_job_id},
          {"slurm_restart_count", job.environment().slurm_restart_count},
          {"tracker_run_name", config.log.tracker_run_name},
          {"tracker_project_name", config.log.tracker_project_name}};
}

}  // namespace omnigen::train
