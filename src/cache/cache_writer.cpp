#include "cache/cache_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/shard_journal.h"
#include "util/error.h"
#include "util/log.h"
#include "util/progress.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

constexpr double kCommitEverySeconds = 2.0;  // at the latest: bounds what a kill costs

int64_t num_records(const std::vector<PlannedShard>& shards) {
  int64_t count = 0;
  for (const PlannedShard& shard : shards) count += shard.plan.num_records();
  return count;
}

}  // namespace

int64_t num_committed(const fs::path& shard, const std::string& digest) {
  if (fs::exists(shard)) {
    const io::ShardReader reader(shard);
    if (reader.digest() != digest) return 0;
    int64_t count = 0;
    for (const io::ShardGroup& group : reader.groups()) count += std::ssize(group.fields);
    return count;
  }
  const auto journal = io::read_journal(io::journal_path(shard));
  if (!journal || journal->digest != digest) return 0;
  int64_t count = 0;
  for (const io::JournalEntry& entry : journal->entries) count += entry.count;
  return count;
}

CacheWriter::CacheWriter(WriterOptions options, const data::SourceSettings& settings,
                         LatentEncoder& encoder, comm::ProcessGroup& group)
    : options_(std::move(options)), settings_(settings), encoder_(encoder), group_(group) {}

int64_t CacheWriter::count_done() const {
  int64_t count = 0;
  for (const PlannedShard& shard : shards_) {
    count +=
        num_committed(options_.folder / shard.name.file(options_.dataset_id), shard.plan.digest());
  }
  return count;
}

WriterOutcome CacheWriter::run(std::vector<PlannedShard> shards) {
  shards_ = std::move(shards);
  outcome_.resumed = count_done();
  const auto total =
      static_cast<int64_t>(group_.all_reduce_sum(static_cast<double>(num_records(shards_))));
  const auto before =
      static_cast<int64_t>(group_.all_reduce_sum(static_cast<double>(outcome_.resumed)));
  util::Progress progress("encoding " + options_.dataset_id, total, "img", group_.is_root(),
                          before);
  bool active = true;
  while (active) {
    const bool has_more = step();
    at::Tensor sums = at::tensor(
        {outcome_.encoded, std::ssize(outcome_.failed), static_cast<int64_t>(has_more)}, at::kLong);
    group_.all_reduce_sum(sums);
    const auto* values = sums.data_ptr<int64_t>();
    progress.update(before + values[0] + values[1],
                    values[1] > 0 ? fmt::format("{} failed", values[1]) : std::string());
    if (values[1] > options_.max_failed) {
      throw util::DataError(fmt::format(
          "data set '{}': {} images failed, more than max_failed_fraction allows ({}); each is "
          "named above. Repair or remove them, or raise max_failed_fraction; what is encoded is "
          "kept",
          options_.dataset_id, values[1], options_.max_failed));
    }
    active = values[2] > 0;
  }
  progress.finish();
  return std::move(outcome_);
}

bool CacheWriter::step() {
  const util::Stopwatch watch;
  int64_t num_written = 0;
  while (num_written < options_.write_batch_size && watch.elapsed_s() < kCommitEverySeconds) {
    if (next_batch_ == batches_.size() && !open_next_shard()) break;
    if (next_batch_ == batches_.size()) continue;  // a shard that was complete already
    const Batch& batch = batches_[next_batch_++];
    encode_batch(batch);
    num_written += std::ssize(batch.rows);
  }
  if (writer_) writer_->commit();
  return num_written > 0 || writer_ != nullptr;
}

bool CacheWriter::open_next_shard() {
  prepared_.reset();
  if (writer_) writer_->finish();
  writer_.reset();
  batches_.clear();
  next_batch_ = 0;
  if (next_shard_ == shards_.size()) return false;
  open_ = &shards_[next_shard_++];
  const fs::path path = options_.folder / open_->name.file(options_.dataset_id);
  if (fs::exists(path)) return true;  // finished by an earlier run: only equal plans get here
  writer_ = std::make_unique<io::ShardWriter>(path, open_->plan);
  std::vector<std::pair<size_t, int64_t>> pending;
  for (size_t g = 0; g < open_->records.size(); ++g) {
    const int64_t count = std::ssize(open_->records[g]);
    // Batches begin at fixed rows, so that a restart forms the same ones.
    for (int64_t first = 0; first < count; first += options_.vae_batch_size) {
      Batch batch{g, {}};
      for (int64_t row = first; row < std::min(count, first + options_.vae_batch_size); ++row) {
        if (!writer_->done(g, row)) batch.rows.push_back(row);
      }
      for (const int64_t row : batch.rows) pending.emplace_back(g, row);
      if (!batch.rows.empty()) batches_.push_back(std::move(batch));
    }
  }
  prepared_ = std::make_unique<OrderedPool<PreparedImage>>(
      std::ssize(pending),
      [this, pending, shard = open_](int64_t i) {
        const auto& [group, row] = pending[static_cast<size_t>(i)];
        return prepare_image(options_.images, shard->records[group][static_cast<size_t>(row)],
                             settings_, options_.dataset_id);
      },
      options_.num_threads, options_.num_threads + 2 * options_.vae_batch_size);
  return true;
}

void CacheWriter::encode_batch(const Batch& batch) {
  std::vector<PreparedImage> prepared;
  for (size_t i = 0; i < batch.rows.size(); ++i) prepared.push_back(prepared_->next());
  std::vector<ImageToEncode> images;
  std::vector<size_t> places;  // in `prepared`; results carry their record
  for (size_t i = 0; i < prepared.size(); ++i) {
    if (prepared[i].failed()) {
      write_failure(batch.group, batch.rows[i], prepared[i]);
      continue;
    }
    const auto row = static_cast<size_t>(batch.rows[i]);
    images.push_back({open_->records[batch.group][row].item.file.path, &prepared[i].image});
    places.push_back(i);
  }
  if (images.empty()) return;
  const auto encoded = encoder_.encode(options_.dataset_id, images);
  for (size_t i = 0; i < encoded.size(); ++i) {
    PreparedImage& source = prepared[places[i]];
    const int64_t row = batch.rows[places[i]];
    if (!encoded[i].latent_CHW.defined()) {
      source.fields.fail_reason = static_cast<uint8_t>(encoded[i].reason);
      source.detail = fmt::format("{}: {}", images[i].path, reason_text(encoded[i].reason));
      write_failure(batch.group, row, source);
      continue;
    }
    writer_->write(batch.group, row, source.fields, encoded[i].latent_CHW);
    count_notes(source.facts, outcome_.notes);
    ++outcome_.encoded;
  }
}

void CacheWriter::write_failure(size_t group, int64_t row, const PreparedImage& prepared) {
  const PlannedRecord& record = open_->records[group][static_cast<size_t>(row)];
  const auto reason = static_cast<FailReason>(prepared.fields.fail_reason);
  util::log::warn(fmt::format("data set '{}': left out ({}): {}", options_.dataset_id,
                              reason_text(reason), prepared.detail));
  writer_->write(group, row, prepared.fields, {});
  const SourceStat stat{prepared.fields.src_size, prepared.fields.src_mtime_ns};
  outcome_.failed.push_back({{record.item.file.path, stat}, reason, prepared.detail});
}

}  // namespace omnigen::cache
