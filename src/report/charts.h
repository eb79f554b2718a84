// Charts as data: what the page's script draws.
#pragma once

#include <nlohmann/json.hpp>

#include "report/run_records.h"

namespace omnigen::report {

// In the order of the page; a chart without data is left out. Each has `id`, `title`, `note`, `x`,
// `y`, `log`, `stacked`, `section` and `lines`: `name`, `style` (line, faint, dashed, points, band,
// bar), `colour` (a number), `data` ([x, y], of a band [x, low, high], of bars numbers) and, of
// bars, `labels` of the chart. No line has more than some hundred points: steps are thinned out so
// that extremes stay.
nlohmann::ordered_json charts(const RunRecords& records);

}  // namespace omnigen::report
