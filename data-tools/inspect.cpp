// omnigen-cache inspect: what a cache is, or what one record of it holds.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>

#include "arguments.h"
#include "cache/survey.h"
#include "data/shard_dataset.h"
#include "util/error.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

constexpr int64_t kShownRecords = 10;

std::string time_text(int64_t mtime_ns) {
  const auto seconds = static_cast<std::time_t>(mtime_ns / 1'000'000'000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts)};
}

void print_fingerprint(const char* name, const data::Fingerprint& print) {
  fmt::print("  {:<8} {}\n", name, print.sha256);
  for (const auto& item : print.members.items()) {
    std::string value = item.value().dump();
    if (value.size() > 72) value.replace(69, std::string::npos, "...");
    fmt::print("           {}: {}\n", item.key(), value);
  }
}

void print_cache(const std::filesystem::path& folder, const data::ShardDataset& dataset) {
  const data::CacheIndex& index = dataset.index();
  fmt::print("cache of data set {} in {}\n", index.dataset_id,
             std::filesystem::absolute(folder).string());
  fmt::print("records: {}\n", dataset.size());
  for (const data::IndexedBucket& bucket : index.buckets) {
    fmt::print("  bucket {:>6}  {}x{}  {}\n", bucket.bucket, bucket.width, bucket.height,
               bucket.count);
  }
  fmt::print("shards: {}\n", index.shards.size());
  for (const data::IndexedShard& shard : index.shards) {
    int64_t count = 0;
    int64_t excluded = 0;
    for (const auto& [bucket, records] : shard.records) count += records;
    for (const auto& [group, rows] : shard.excluded) excluded += std::ssize(rows);
    fmt::print("  {}  {}  {} records{}\n", shard.file, size_text(shard.bytes), count,
               excluded > 0 ? fmt::format(", {} not used any more", excluded) : "");
  }
  fmt::print("captions: {}  {}\n", index.tokens.file, size_text(index.tokens.bytes));
  for (const auto& [reason, count] : index.counters) fmt::print("{}: {}\n", reason, count);
  for (const data::FailedSource& source : index.failed) {
    fmt::print("unusable: {}: {}\n", data::printable_path(source.path), source.reason);
  }
  fmt::print("made with\n");
  print_fingerprint("image", index.fingerprints.image);
  print_fingerprint("vae", index.fingerprints.vae);
  print_fingerprint("text", index.fingerprints.text);
  print_fingerprint("caption", index.fingerprints.caption);
  fmt::print("first records (inspect FOLDER NUMBER or PATH shows one)\n");
  for (int64_t i = 0; i < std::min(kShownRecords, dataset.size()); ++i) {
    const data::RecordMeta& meta = dataset.meta(i);
    fmt::print("  {:>5}  {}x{}  {}  \"{}\"\n", i, meta.target_width, meta.target_height,
               data::printable_path(meta.path), dataset.caption(i, 0));
  }
}

// A number, or a relative path.
int64_t find_record(const data::ShardDataset& dataset, const std::string& name) {
  for (int64_t i = 0; i < dataset.size(); ++i) {
    if (dataset.meta(i).path == name) return i;
  }
  int64_t number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size() && number >= 0 &&
      number < dataset.size()) {
    return number;
  }
  throw util::DataError(fmt::format("no record \"{}\" in the cache of '{}', which has {} records",
                                    name, dataset.id(), dataset.size()));
}

void print_record(const data::ShardDataset& dataset, int64_t record) {
  const data::RecordMeta& meta = dataset.meta(record);
  const io::RecordFields& fields = dataset.fields(record);
  const at::Tensor latent = dataset.latent(record);
  fmt::print("record {} of {}: {}\n", record, dataset.id(), data::printable_path(meta.path));
  fmt::print("  place     {}\n", dataset.record_name(record));
  fmt::print("  source    {}x{}, EXIF orientation {}, {} bytes, changed {}\n", fields.orig_w,
             fields.orig_h, fields.exif_orientation, fields.src_size,
             time_text(fields.src_mtime_ns));
  fmt::print("  sha256    {}\n", cache::hash_text(fields));
  fmt::print("  resized   {}x{}, then cut {}x{} at left {}, top {}\n", fields.inter_w,
             fields.inter_h, meta.target_width, meta.target_height, fields.crop_left,
             fields.crop_top);
  fmt::print("  bucket    {}, variant {}\n", meta.bucket, fields.variant);
  fmt::print("  latent    {} {}, mean {:.4f}, std {:.4f}, min {:.4f}, max {:.4f}, crc32c {:08x}\n",
             fmt::join(latent.sizes(), "x"),
             dataset.shards().front().latent_dtype() == at::kFloat ? "float32" : "bfloat16",
             latent.mean().item<double>(), latent.std().item<double>(), latent.min().item<double>(),
             latent.max().item<double>(), fields.latent_crc);
  for (int64_t variant = 0; variant < meta.num_captions; ++variant) {
    const auto ids = dataset.token_ids(record, variant);
    fmt::print("  caption   \"{}\"\n  tokens    {}: {}\n", dataset.caption(record, variant),
               ids.size(), fmt::join(ids, " "));
  }
}

}  // namespace

int run_inspect(comm::Job& job, const Arguments& arguments) {
  const ParsedArguments parsed = parse_arguments(arguments, {"id"}, 1, 2);
  if (job.rank() != 0) return util::kExitDone;
  const std::filesystem::path folder = parsed.plain[0];
  for (const std::string& id : cache_ids(folder, parsed.option("id", ""))) {
    const data::ShardDataset dataset({.folder = folder, .id = id});
    if (parsed.plain.size() == 1) {
      print_cache(folder, dataset);
    } else {
      print_record(dataset, find_record(dataset, parsed.plain[1]));
    }
  }
  return util::kExitDone;
}

}  // namespace omnigen::tools
