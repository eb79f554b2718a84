#include "comm/fatal_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

namespace omnigen::comm {

std::string fatal_line(const std::string& program, const FatalReport& report) {
  return fmt::format("{}: fatal: rank {} host {} step {}: {}", program, report.rank, report.host,
                     report.step, report.message);
}

const FatalReport& most_telling(const std::vector<FatalReport>& reports) {
  return *std::min_element(reports.begin(), reports.end(), [](const auto& a, const auto& b) {
    return std::tie(a.cause, a.rank) < std::tie(b.cause, b.rank);
  });
}

std::string to_json(const FatalReport& report) {
  const nlohmann::json fields = {{"rank", report.rank},   {"host", report.host},
                                 {"step", report.step},   {"exit_code", report.exit_code},
                                 {"cause", report.cause}, {"message", report.message}};
  // Messages may quote file names in any encoding.
  return fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

FatalReport fatal_report_from_json(const std::string& text) {
  const auto fields = nlohmann::json::parse(text);
  FatalReport report;
  fields.at("rank").get_to(report.rank);
  fields.at("host").get_to(report.host);
  fields.at("step").get_to(report.step);
  fields.at("exit_code").get_to(report.exit_code);
  fields.at("cause").get_to(report.cause);
  fields.at("message").get_to(report.message);
  return report;
}

}  // namespace omnigen::comm
