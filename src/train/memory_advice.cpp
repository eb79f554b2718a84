#include "train/memory_advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "train/run_setup.h"

namespace omnigen::train {
namespace {

void advise_on_storage(const config::ModelConfig& model, MemoryUse* use) {
  if (model.model_type == "lora" && model.base_model_precision == "no_change") {
    use->remedies.emplace_back("base_model_precision int8-quanto");
  }
}

}  // namespace

MemoryUse loading_use(const config::ModelConfig& model) {
  MemoryUse use{fmt::format("loading the transformer in {}", precision_text(model)), {}};
  advise_on_storage(model, &use);
  if (model.quantize_via != "cpu" && model.model_type == "lora") {
    use.remedies.emplace_back("quantize_via cpu");
  }
  return use;
}

MemoryUse training_use(const config::Config& config, const RunPlan& plan) {
  std::set<std::string> sizes;
  for (const PlannedSet& set : plan.sets) {
    for (const auto& [size, count] : set.sizes) sizes.insert(size);
  }
  const data::BatchShape& batch = plan.batch;
  const std::string at_a_time = batch.most_tokens > 0
                                    ? fmt::format("up to {} tokens", batch.most_tokens)
                                    : fmt::format("{} samples", batch.micro_batch);
  MemoryUse use{fmt::format("training with {} at a time of sizes up to {}", at_a_time,
                            fmt::join(sizes, ", ")),
                {}};
  if (!config.model.gradient_checkpointing) {
    use.remedies.emplace_back("gradient_checkpointing true");
  }
  if (batch.most_tokens > 0) {
    use.remedies.emplace_back("micro_batch_tokens lower");
  } else if (batch.micro_batch > 1) {
    use.remedies.emplace_back("train_batch_size lower, gradient_accumulation_steps higher");
  }
  advise_on_storage(config.model, &use);
  return use;
}

std::string out_of_memory_text(const std::string& cause, const MemoryUse& use) {
  const std::string first_line = cause.substr(0, cause.find('\n'));
  const std::string remedies = use.remedies.empty()
                                   ? "a smaller resolution, or a GPU with more memory"
                                   : fmt::format("{}", fmt::join(use.remedies, "; "));
  return fmt::format("out of GPU memory while {}. Try: {}. The allocator says: {}", use.doing,
                     remedies, first_line);
}

}  // namespace omnigen::train
