// Reading latents back from a cache shard, in random order, checksums verified.
//
//   shard_read_bench [--px 512] [--records 512] [--dtype bf16] [--threads 1] [--dir FOLDER]
//   [--json]
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "bench_support.h"
#include "io/shard_reader.h"
#include "io/shard_writer.h"
#include "machine.h"
#include "util/seed_stream.h"

namespace omnigen::bench {
namespace {

struct Options {
  int64_t px = 512;
  int64_t records = 512;
  at::ScalarType dtype = at::kBFloat16;
  std::filesystem::path shard;
};

std::vector<at::Tensor> make_latents(const Options& options) {
  auto generator = at::detail::createCPUGenerator(0);
  std::vector<at::Tensor> latents;
  for (int64_t i = 0; i < options.records; ++i) {
    latents.push_back(at::randn({4, options.px / 8, options.px / 8}, generator).to(options.dtype));
  }
  return latents;
}

void write_shard(const Options& options, const std::vector<at::Tensor>& latents) {
  io::ShardPlan plan;
  plan.dataset_id = "bench";
  plan.latent_dtype = options.dtype;
  io::ShardGroupPlan group;
  group.bucket = "1.0";
  group.target_width = group.target_height = options.px;
  group.latent_shape = {4, options.px / 8, options.px / 8};
  for (int64_t i = 0; i < options.records; ++i) group.paths.push_back(fmt::format("{:06}.jpg", i));
  plan.groups = {group};
  io::ShardWriter writer(options.shard, plan);
  for (int64_t i = 0; i < options.records; ++i) {
    writer.write(0, i, {}, latents[static_cast<size_t>(i)]);
  }
  writer.finish();
}

// The same bytes by plain reads: what the file system (here its cache) gives at most.
Timing time_plain_reads(const Options& options, std::vector<char>& buffer) {
  return time_calls([&] {
    std::ifstream file(options.shard, std::ios::binary);
    while (file.read(buffer.data(), std::ssize(buffer)) || file.gcount() > 0) continue;
  });
}

void measure(const Options& options, Report& report) {
  const auto latents = make_latents(options);
  write_shard(options, latents);
  const io::ShardReader reader(options.shard);
  std::vector<int64_t> order(static_cast<size_t>(options.records));
  std::iota(order.begin(), order.end(), 0);
  util::SeedStream(0, "bench", {"shard_read"}).shuffle(std::span(order));
  for (const int64_t row : order) {
    check_close(reader.latent(0, row), latents[static_cast<size_t>(row)], 0.0, "latent read back");
  }

  const auto num_bytes = static_cast<double>(latents[0].nbytes() * latents.size());
  std::vector<char> buffer(latents[0].nbytes());
  const Timing plain = time_plain_reads(options, buffer);
  const double roof = 1e-9 * num_bytes / plain.median;
  const Timing open = time_calls([&] { const io::ShardReader again(options.shard); });
  const Timing read = time_calls([&] {
    for (const int64_t row : order) static_cast<void>(reader.latent(0, row));
  });
  const double gb_per_s = 1e-9 * num_bytes / read.median;
  report.add("plain reads of the file, in order", plain, {{"GB/s", roof}});
  report.add("open", open, {{"records/s", static_cast<double>(options.records) / open.median}});
  report.add("read all, random order", read,
             {{"records/s", static_cast<double>(options.records) / read.median},
              {"GB/s", gb_per_s},
              {"% of plain reads", 100 * gb_per_s / roof}});
}

void bench(int argc, char** argv) {
  Arguments arguments(argc, argv);
  Options options;
  options.px = arguments.integer("px", options.px);
  options.records = arguments.integer("records", options.records);
  options.dtype = dtype_of(arguments.text("dtype", "bf16", {"fp32", "bf16"}));
  at::set_num_threads(static_cast<int>(arguments.integer("threads", 1)));
  const std::filesystem::path parent =
      arguments.text("dir", std::filesystem::temp_directory_path().string());
  Report report("shard_read", arguments);
  arguments.require_known();
  report.object().update({{"px", options.px}, {"records", options.records}});

  const TempFolder folder(parent);
  options.shard = folder.path() / "bench.h5";
  measure(options, report);
  report.finish();
}

}  // namespace
}  // namespace omnigen::bench

int main(int argc, char** argv) {
  return omnigen::bench::run([&] { omnigen::bench::bench(argc, argv); });
}
