// `omnigen-dist report`: a run's page, from the command line and at the end of a run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report/pictures.h"

namespace omnigen::train {

// A small WebP. Nothing where the file is no readable image.
std::optional<report::Thumbnail> make_thumbnail(const std::filesystem::path& file,
                                                const std::optional<report::Cut>& cut,
                                                int64_t max_edge);

// OUTPUT_DIR [--output FILE]; returns the exit code.
// Errors: ConfigError for other arguments, DataError for a folder that is no run's.
int run_report(const std::vector<std::string>& args);

// `<output_dir>/report.html` of a run that is over. What fails is a warning.
void report_finished_run(const std::filesystem::path& output_dir);

}  // namespace omnigen::train
