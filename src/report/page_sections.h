// The written parts of a run's page as HTML; every text of users is escaped.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "report/pictures.h"
#include "report/run_records.h"
#include "report/verdict.h"

namespace omnigen::report {

std::string verdict_section(const Verdict& verdict);
// What was trained on what, with what, for how long.
std::string facts_section(const RunRecords& records);
// Places for the charts of one section; empty where it has none.
std::string chart_section(const nlohmann::ordered_json& charts, const std::string& section,
                          const std::string& title);
std::string gallery_section(const Gallery& gallery);
// Buckets and examples; takes the examples' pictures into `images`.
std::string data_section(const RunRecords& records, ImageStore* images);
std::string config_section(const RunRecords& records);

}  // namespace omnigen::report
