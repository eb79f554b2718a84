// Encodes one rank's planned shards. All ranks go in step, a write batch at a time, so that
// progress and failures are known to all of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cache/encode_plan.h"
#include "cache/latent_encoder.h"
#include "cache/ordered_pool.h"
#include "cache/prepared_image.h"
#include "comm/process_group.h"
#include "io/shard_writer.h"
#include "util/stopwatch.h"

namespace omnigen::cache {

struct WriterOptions {
  std::string dataset_id;
  std::filesystem::path images;  // source folder
  std::filesystem::path folder;  // of the cache
  int64_t vae_batch_size = 4;
  int64_t write_batch_size = 128;  // records between two commits
  int64_t num_threads = 1;         // that read and decode
  int64_t max_failed = 0;          // of all ranks; more end the job
};

struct FailedImage {
  SourceFile file;
  FailReason reason = FailReason::kNone;
  std::string detail;
};

struct WriterOutcome {
  int64_t encoded = 0;  // by this rank in this run
  int64_t resumed = 0;  // records that an earlier run had committed
  std::vector<FailedImage> failed;
  DecodeNotes notes;
};

class CacheWriter {
 public:
  CacheWriter(WriterOptions options, const data::SourceSettings& settings, LatentEncoder& encoder,
              comm::ProcessGroup& group);

  // Collective. What was committed stays, whatever ends the run.
  // Errors: DataError when more images fail than max_failed; Error when writing fails.
  WriterOutcome run(std::vector<PlannedShard> shards);

 private:
  struct Batch {
    size_t group = 0;
    std::vector<int64_t> rows;
  };

  [[nodiscard]] int64_t count_done() const;
  // One write batch. False when nothing is left.
  bool step();
  bool open_next_shard();
  void encode_batch(const Batch& batch);
  void write_failure(size_t group, int64_t row, const PreparedImage& prepared);

  WriterOptions options_;
  const data::SourceSettings& settings_;
  LatentEncoder& encoder_;
  comm::ProcessGroup& group_;

  std::vector<PlannedShard> shards_;
  size_t next_shard_ = 0;
  std::unique_ptr<io::ShardWriter> writer_;
  const PlannedShard* open_ = nullptr;
  std::vector<Batch> batches_;  // of the open shard
  size_t next_batch_ = 0;
  std::unique_ptr<OrderedPool<PreparedImage>> prepared_;
  WriterOutcome outcome_;
};

// Records that a shard of this plan holds on disk, finished or not.
int64_t num_committed(const std::filesystem::path& shard, const std::string& digest);

}  // namespace omnigen::cache
