// The judgement over a run: all rules, and one sentence before everything else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/loss_rules.h"
#include "report/run_records.h"

namespace omnigen::report {

struct Verdict {
  Tone tone = Tone::kNote;
  std::string headline;
  std::vector<Finding> findings;  // the gravest first
};

std::optional<Finding> find_skipped_steps(const MetricsFile& metrics);
// Time that steps spend on anything but computing: data, other ranks.
std::vector<Finding> find_waiting(const MetricsFile& metrics);
// Too few images to evaluate on, so that intervals speak of these alone; or none.
std::optional<Finding> find_few_images(const RunRecords& records);
// A run that failed, was interrupted or still runs.
std::optional<Finding> find_state(const RunRecords& records);

Verdict judge(const RunRecords& records);

}  // namespace omnigen::report
