// The page of a run: what was trained on what, how it went, and whether it learnt.
#pragma once

#include <filesystem>
#include <string>

#include "report/pictures.h"

namespace omnigen::report {

// The whole page as HTML, of a run that is finished or not.
// Errors: DataError for a folder that is no run's.
std::string run_report(const std::filesystem::path& output_dir, const MakeThumbnail& make);

}  // namespace omnigen::report
