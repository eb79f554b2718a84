// The records of a finished cache, over all its shards, sorted by path.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/cache_index.h"
#include "data/dataset.h"
#include "io/shard_reader.h"
#include "io/token_table.h"

namespace omnigen::data {

struct CacheLocation {
  std::filesystem::path folder;
  std::string id;
  // What a message tells the user to run.
  std::string build_command = "omnigen-cache build --config <config.json>";
};

// Errors: DataError saying what is missing (no cache, an unfinished one, missing or damaged files)
// and the command to run.
CacheIndex read_finished_index(const CacheLocation& location);

class ShardDataset : public Dataset {
 public:
  // Reads the columns of every shard and the token table.
  // Errors: those of read_finished_index(), DataError for damaged files.
  explicit ShardDataset(const CacheLocation& location);
  ShardDataset(const CacheLocation& location, CacheIndex index);

  [[nodiscard]] const std::string& id() const override { return index_.dataset_id; }
  [[nodiscard]] int64_t size() const override { return std::ssize(records_); }
  [[nodiscard]] const RecordMeta& meta(int64_t record) const override { return at(record).meta; }
  [[nodiscard]] at::Tensor latent(int64_t record) const override;
  [[nodiscard]] std::string caption(int64_t record, int64_t variant) const override;
  [[nodiscard]] std::vector<int64_t> token_ids(int64_t record, int64_t variant) const override;
  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }

  [[nodiscard]] const CacheIndex& index() const { return index_; }
  [[nodiscard]] const io::TokenTable& tokens() const { return tokens_; }
  [[nodiscard]] const std::vector<io::ShardReader>& shards() const { return shards_; }
  // Columns of a record. The name is for messages: shard, bucket, row, path.
  [[nodiscard]] const io::RecordFields& fields(int64_t record) const;
  [[nodiscard]] std::string record_name(int64_t record) const;

 private:
  struct Record {
    RecordMeta meta;
    size_t shard = 0;
    size_t group = 0;
    int64_t row = 0;
    int64_t caption_row = 0;
  };

  [[nodiscard]] const Record& at(int64_t record) const {
    return records_.at(static_cast<size_t>(record));
  }
  void open_shards(const CacheLocation& location);
  void add_records(size_t shard, const CacheLocation& location);

  CacheIndex index_;
  std::string fingerprint_;
  std::vector<io::ShardReader> shards_;
  io::TokenTable tokens_;
  std::vector<Record> records_;
};

}  // namespace omnigen::data
