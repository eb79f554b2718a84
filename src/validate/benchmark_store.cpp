#include "validate/benchmark_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::validate {
namespace {

constexpr const char* kRecordName = "benchmark.json";

std::string hash_of(const ValidateOptions& options, const RenderItem& item) {
  const nlohmann::json all = {options.base_weights_id,
                              options.prompts[item.prompt].text,
                              options.negative.text,
                              item.resolution.width,
                              item.resolution.height,
                              options.sampler.num_steps,
                              options.sampler.guidance,
                              options.sampler.guidance_rescale,
                              image_seed(options, item, 0),
                              options.sampler.shift,
                              item.draw};
  return util::hex64(
      util::xxh3_64(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

}  // namespace

BenchmarkStore::BenchmarkStore(const std::filesystem::path& output_dir)
    : folder_(output_dir / "benchmarks" / "base_model") {
  const auto record = folder_ / kRecordName;
  if (!std::filesystem::exists(record)) return;
  try {
    hash_of_file_ =
        nlohmann::json::parse(io::read_file(record)).get<std::map<std::string, std::string>>();
  } catch (const std::exception& error) {
    util::log::warn(fmt::format("{}: not readable, benchmark images are rendered anew: {}",
                                record.string(), error.what()));
  }
}

std::filesystem::path BenchmarkStore::file_of(const ValidateOptions& options,
                                              const RenderItem& item) const {
  return folder_ / (benchmark_stem(options, item) + ".png");
}

bool BenchmarkStore::is_current(const ValidateOptions& options, const RenderItem& item) const {
  const auto file = file_of(options, item);
  const auto found = hash_of_file_.find(file.filename().string());
  return found != hash_of_file_.end() && found->second == hash_of(options, item) &&
         std::filesystem::exists(file);
}

void BenchmarkStore::save(const ValidateOptions& options, const RenderItem& item,
                          const std::string& png) {
  const auto file = file_of(options, item);
  io::write_atomically(file, png);
  hash_of_file_[file.filename().string()] = hash_of(options, item);
  // After every image: rendering them all takes long, and an interrupted start loses none.
  io::write_atomically(folder_ / kRecordName, nlohmann::json(hash_of_file_).dump(1) + '\n');
}

std::string BenchmarkStore::load(const ValidateOptions& options, const RenderItem& item) const {
  return is_current(options, item) ? io::read_file(file_of(options, item)) : std::string();
}

}  // namespace omnigen::validate
