// What a run is made of, written down at its start for the page that reports it
// (docs/formats.md, "Facts of a run").
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapter/adapter_set.h"
#include "comm/group_factory.h"
#include "comm/job.h"
#include "config/load.h"
#include "train/loss_range.h"
#include "train/run_plan.h"
#include "train/run_setup.h"

namespace omnigen::train {

struct FactSources {
  const config::LoadResult& loaded;
  const RunPlan& plan;
  const RunData& data;
  const ModelSizes& sizes;
  const adapter::AdapterSet* adapters;  // null: the whole model is trained
  const std::optional<LossRange>& range;
  const std::vector<std::string>& doubts;  // of the data
};

// What does not depend on the machine: equal at any number of ranks of equal effective batch.
nlohmann::ordered_json facts_of_run(const FactSources& sources);
// Sizes, captions and some examples of a data set; `kind` in words.
nlohmann::ordered_json facts_of_dataset(const data::Dataset& dataset, const std::string& kind,
                                        const std::vector<config::DatasetConfig>& datasets);
// `hosts` by rank.
nlohmann::ordered_json facts_of_machine(const RunPlan& plan, const comm::GroupAndDevice& group,
                                        const std::vector<std::string>& hosts);
// `<output_dir>/<logging_dir>/run_facts.json`; replaces that of an earlier start.
// Errors: Error if it cannot be written.
void write_run_facts(const config::Config& config, const nlohmann::ordered_json& run,
                     const nlohmann::ordered_json& machine);

// Facts that run_state.json keeps.
nlohmann::json state_facts(const config::Config& config, const comm::Job& job,
                           const comm::GroupAndDevice& group);

}  // namespace omnigen::train
