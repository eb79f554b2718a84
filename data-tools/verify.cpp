// omnigen-cache verify: names every damaged file and record.
#include "cache/verify.h"

#include <fmt/format.h>

#include "arguments.h"
#include "data/cache_index.h"
#include "util/error.h"
#include "util/progress.h"
#include "verb.h"

namespace omnigen::tools {

int run_verify(comm::Job& job, const Arguments& arguments) {
  const ParsedArguments parsed = parse_arguments(arguments, {"id"}, 1, 1);
  if (job.rank() != 0) return util::kExitDone;
  const std::filesystem::path folder = parsed.plain[0];
  bool damaged = false;
  for (const std::string& id : cache_ids(folder, parsed.option("id", ""))) {
    const auto index = data::CacheIndex::read(folder, id);
    util::Progress progress("verifying " + id, index.num_records(), "records", true);
    const cache::VerifyReport report =
        cache::verify_cache(folder, id, [&](int64_t done) { progress.update(done); });
    progress.finish();
    for (const cache::Damage& damage : report.damage) {
      fmt::print("damaged: {}: {}\n", damage.file, damage.message);
    }
    fmt::print("{}: {} files, {} records, {}: {}\n", id, report.num_files, report.num_records,
               size_text(report.num_bytes),
               report.damage.empty() ? "intact" : fmt::format("{} damaged", report.damage.size()));
    damaged = damaged || !report.damage.empty();
  }
  if (damaged) fmt::print("delete the damaged files and run omnigen-cache build again\n");
  return damaged ? util::kExitData : util::kExitDone;
}

}  // namespace omnigen::tools
