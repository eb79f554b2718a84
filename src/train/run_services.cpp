#include "train/run_services.h"

#include <fmt/format.h>

#include "comm/job.h"
#include "tokenizer/prompt_template.h"
#include "train/trackers.h"
#include "train/wandb_log.h"
#include "util/log.h"
#include "validate/clip_score.h"

namespace omnigen::train {
namespace {

std::string variable(const char* name) {
  const char* value = comm::environment_variable(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

std::optional<HubAccess> find_services(const config::LoadResult& loaded) {
  const config::Config& config = loaded.config;
  if (!config.validate.validation_disable && config.validate.evaluation_type == "clip") {
    // Memory-mapped: nothing of the weights is read.
    const validate::ClipScorer scorer(config.validate.pretrained_evaluation_model_name_or_path);
  }
  static_cast<void>(hub_endpoint(comm::environment_variable));  // also where only links are made
  if (!config.publish.push_to_hub) return std::nullopt;
  HubAccess hub =
      open_hub(config.publish, config.log.tracker_project_name, comm::environment_variable);
  util::log::info(fmt::format("push_to_hub: {} at {}, through {}", hub.repository, hub.endpoint,
                              hub.client.string()));
  return hub;
}

Trackers start_trackers(const config::LoadResult& loaded) {
  return make_trackers(loaded, {variable("PATH"), variable("WANDB_MODE")});
}

std::unique_ptr<Publisher> make_publisher(const config::LoadResult& loaded, const RunPlan& plan,
                                          const std::optional<HubAccess>& hub) {
  const auto& negative = loaded.config.validate.validation_negative_prompt;
  Publisher::Parts parts = {loaded, plan, hub, hub_endpoint(comm::environment_variable),
                            negative.value_or(std::string(tokenizer::kDefaultNegativePrompt))};
  return std::make_unique<Publisher>(std::move(parts));
}

int run_wandb_upload(const std::string& output_dir) {
  const auto python = util::find_program("python3", variable("PATH"));
  return upload_to_wandb(output_dir, python ? python->string() : std::string());
}

}  // namespace omnigen::train
