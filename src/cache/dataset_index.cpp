// The last step of a build: what is there becomes the index.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cache/dataset_build.h"
#include "util/log.h"

namespace omnigen::cache {
namespace {

constexpr size_t kDigestDigits = 16;  // in the token table's name

}  // namespace

data::IndexedFile DatasetBuild::write_tokens(std::string* digest) {
  *digest = captions_digest(captions_, fingerprints_);
  const auto& index = state_->index();
  std::error_code error;
  if (index && index->tokens_digest == *digest &&
      std::filesystem::file_size(folder() / index->tokens.file, error) == index->tokens.bytes) {
    return index->tokens;
  }
  const std::string& model = context_.config.model.pretrained_model_name_or_path;
  const tokenizer::Tokenizer tokenizer(data::tokenizer_folder(model) / "tokenizer.json");
  io::TokenTable table =
      tokenise(captions_, tokenizer, {context_.config.data.max_input_tokens, num_threads()});
  table.digest = *digest;
  const std::string file =
      fmt::format("{}-tokens-{}.h5", dataset_.id, digest->substr(0, kDigestDigits));
  table.write(folder() / file, dataset_.compress_cache);
  report_.changed = true;
  return describe_file(folder(), file);
}

data::CacheIndex DatasetBuild::make_index() {
  data::CacheIndex index;
  index.dataset_id = dataset_.id;
  index.fingerprints = fingerprints_;
  index.vae_files = vae_files(vae_.folder);
  index.counters = survey_.counters;
  index.counters["listed"] = std::ssize(paths_);
  std::set<RecordPlace> places;
  for (const Member& member : survey_.members) places.insert(member.place);
  std::map<std::tuple<std::string, int64_t, int64_t>, int64_t> buckets;
  const auto& shards = cached_->shards();
  for (size_t s = 0; s < shards.size(); ++s) {
    data::IndexedShard shard;
    static_cast<data::IndexedFile&>(shard) = state_->file_of(state_->files()[s]);
    for (size_t g = 0; g < shards[s].groups().size(); ++g) {
      const io::ShardGroup& group = shards[s].groups()[g];
      for (int64_t row = 0; row < std::ssize(group.fields); ++row) {
        if (group.fields[static_cast<size_t>(row)].status != io::RecordStatus::kComplete) continue;
        if (places.contains({s, g, row})) {
          ++shard.records[group.plan.bucket];
          ++buckets[{group.plan.bucket, group.plan.target_width, group.plan.target_height}];
        } else {
          shard.excluded[static_cast<int64_t>(g)].push_back(row);
        }
      }
    }
    index.shards.push_back(std::move(shard));
  }
  for (const auto& [key, count] : buckets) {
    const auto& [bucket, width, height] = key;
    index.buckets.push_back({bucket, width, height, count});
  }
  for (const FailedFile& file : survey_.failed) {
    index.failed.push_back({file.path, std::string(reason_text(file.reason))});
  }
  return index;
}

void DatasetBuild::log_sources() const {
  std::map<std::string, std::string> first_with;  // by hash
  int64_t num_repeated = 0;
  for (const Member& member : survey_.members) {
    const auto hash = hash_text(cached_->fields(member.place));
    num_repeated += first_with.emplace(hash, member.path).second ? 0 : 1;
  }
  if (num_repeated > 0) {
    util::log::info(fmt::format("data set '{}': {} images repeat the content of another file",
                                dataset_.id, num_repeated));
  }
  if (survey_.num_tiny > 0) {
    util::log::warn(
        fmt::format("data set '{}': {} images are smaller than 64 pixels and enlarged; "
                    "min_source_edge leaves them out",
                    dataset_.id, survey_.num_tiny));
  }
  const auto num_empty = std::count_if(captions_.begin(), captions_.end(), [](const auto& image) {
    return std::any_of(image.captions.begin(), image.captions.end(),
                       [](const std::string& caption) { return caption.empty(); });
  });
  if (num_empty > 0) {
    util::log::warn(
        fmt::format("data set '{}': {} images have an empty caption", dataset_.id, num_empty));
  }
}

void DatasetBuild::describe_plan() {
  report_.num_records = std::ssize(survey_.members);
  report_.counters = survey_.counters;
  report_.counters["listed"] = std::ssize(paths_);
  report_.failed = survey_.failed;
}

void DatasetBuild::finish() {
  if (state_->has_orphans()) {  // left by an interrupted build that had nothing more to encode
    state_->adopt_orphans();
    reload();
  }
  data::CacheIndex index = make_index();
  index.tokens = write_tokens(&index.tokens_digest);
  const std::set<std::string> listed(paths_.begin(), paths_.end());
  ledger_.keep_if([&](const std::string& path) { return listed.contains(path); });
  if (ledger_.changed()) ledger_.write(ledger_path());
  const auto old = state_->index();
  report_.changed |= index.write(folder());
  if (old && old->tokens.file != index.tokens.file) {
    std::filesystem::remove(folder() / old->tokens.file);
  }
  report_.num_records = index.num_records();
  report_.buckets = index.buckets;
  report_.counters = index.counters;
  report_.failed = survey_.failed;
  if (report_.changed) log_sources();
}

}  // namespace omnigen::cache
