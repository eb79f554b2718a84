// A GPU whose memory is exhausted, as an error that says what would need less.
#pragma once

#include <c10/util/Exception.h>

#include <string>
#include <vector>

#include "config/schema.h"
#include "train/run_plan.h"
#include "util/error.h"

namespace omnigen::train {

struct MemoryUse {
  std::string doing;                  // "loading the transformer in bf16"
  std::vector<std::string> remedies;  // settings that would need less
};

MemoryUse loading_use(const config::ModelConfig& model);
MemoryUse training_use(const config::Config& config, const RunPlan& plan);

// One line, from what the allocator said.
std::string out_of_memory_text(const std::string& cause, const MemoryUse& use);

// Errors: Error in place of the allocator's.
template <class Body>
auto advise_on_memory(const MemoryUse& use, Body body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& error) {
    throw util::Error(out_of_memory_text(error.what_without_backtrace(), use));
  }
}

}  // namespace omnigen::train
