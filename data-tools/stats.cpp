// omnigen-cache stats: sizes, captions, latents, and the loss that can be expected on them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "arguments.h"
#include "data/shard_dataset.h"
#include "train/loss_range.h"
#include "util/error.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

constexpr int64_t kMaxLatents = 2000;  // evenly chosen from more

void print_buckets(const data::ShardDataset& dataset) {
  const data::CacheIndex& index = dataset.index();
  uint64_t bytes = index.tokens.bytes;
  for (const data::IndexedShard& shard : index.shards) bytes += shard.bytes;
  fmt::print("{}: {} records in {} shards, {}\n", index.dataset_id, dataset.size(),
             index.shards.size(), size_text(bytes));
  for (const data::IndexedBucket& bucket : index.buckets) {
    fmt::print("  bucket {:>6}  {:>5}x{:<5} {:>8} images {:>6.1f} %  {:>6} tokens an image\n",
               bucket.bucket, bucket.width, bucket.height, bucket.count,
               100.0 * static_cast<double>(bucket.count) /
                   static_cast<double>(std::max<int64_t>(1, dataset.size())),
               bucket.width * bucket.height / 256);
  }
}

void print_sources(const data::ShardDataset& dataset) {
  std::vector<double> megapixels;
  int64_t num_enlarged = 0;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const io::RecordFields& fields = dataset.fields(i);
    megapixels.push_back(static_cast<double>(fields.orig_w) * fields.orig_h / 1e6);
    num_enlarged += fields.inter_w > fields.orig_w || fields.inter_h > fields.orig_h ? 1 : 0;
  }
  std::sort(megapixels.begin(), megapixels.end());
  fmt::print("  sources: {:.2f} to {:.2f} megapixels, median {:.2f}; {} enlarged\n",
             megapixels.front(), megapixels.back(), megapixels[megapixels.size() / 2],
             num_enlarged);
}

void print_captions(const data::ShardDataset& dataset) {
  std::vector<int64_t> lengths;
  int64_t num_empty = 0;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    for (int64_t variant = 0; variant < dataset.meta(i).num_captions; ++variant) {
      lengths.push_back(std::ssize(dataset.token_ids(i, variant)));
      num_empty += dataset.caption(i, variant).empty() ? 1 : 0;
    }
  }
  std::sort(lengths.begin(), lengths.end());
  fmt::print("  captions: {} ({:.2f} an image), {} empty; prompts of {} to {} tokens, median {}\n",
             lengths.size(),
             static_cast<double>(lengths.size()) / static_cast<double>(dataset.size()), num_empty,
             lengths.front(), lengths.back(), lengths[lengths.size() / 2]);
}

void print_latents(const data::ShardDataset& dataset) {
  const int64_t step = (dataset.size() + kMaxLatents - 1) / kMaxLatents;
  std::vector<at::Tensor> latents;
  std::vector<at::Tensor> by_channel;
  for (int64_t i = 0; i < dataset.size(); i += step) {
    latents.push_back(dataset.latent(i));
    by_channel.push_back(latents.back().flatten(1));
  }
  const at::Tensor values = at::cat(by_channel, 1).to(at::kDouble);
  const auto text = [](const at::Tensor& row) {
    std::vector<std::string> parts;
    for (int64_t c = 0; c < row.numel(); ++c) {
      parts.push_back(fmt::format("{:.4f}", row[c].item<double>()));
    }
    return fmt::format("{}", fmt::join(parts, " "));
  };
  fmt::print("  latents ({} of {}): mean {:.4f}, std {:.4f}; by channel: mean {}, std {}\n",
             latents.size(), dataset.size(), values.mean().item<double>(),
             values.std(false).item<double>(), text(values.mean(1)), text(values.std({1}, false)));
  const train::LossRange range = train::expected_loss(latents);
  fmt::print(
      "  expected loss: {:.3f} for a model that has learnt nothing (1 + E[x1^2], E[x1^2] = "
      "{:.3f}); "
      "{:.3f} for one that knows only the spectrum; a trained model lies below\n",
      range.zero_predictor, range.second_moment, range.spectrum_only);
}

}  // namespace

int run_stats(comm::Job& job, const Arguments& arguments) {
  const ParsedArguments parsed = parse_arguments(arguments, {"id"}, 1, 1);
  if (job.rank() != 0) return util::kExitDone;
  const std::filesystem::path folder = parsed.plain[0];
  for (const std::string& id : cache_ids(folder, parsed.option("id", ""))) {
    const data::ShardDataset dataset({.folder = folder, .id = id});
    print_buckets(dataset);
    if (dataset.size() == 0) continue;
    print_sources(dataset);
    print_captions(dataset);
    print_latents(dataset);
  }
  return util::kExitDone;
}

}  // namespace omnigen::tools
