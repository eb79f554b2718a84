// Writes one shard, in any order of records, so that it can be killed at any moment and continued.
//
// The file `<path>.part` is created at its final size; `<path>.journal` says which records are in
// it. finish() gives the file its name.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "io/raw_file.h"
#include "io/shard_journal.h"
#include "io/shard_reader.h"
#include "io/shard_schema.h"

namespace omnigen::io {

class ShardWriter {
 public:
  // Continues the part file if it was begun with the same plan; else begins it anew.
  // Errors (all members): Error naming the path and the system's reason.
  ShardWriter(const std::filesystem::path& path, const ShardPlan& plan);
  // A part file whatever its plan, to be finished as it is. Null, and the rest of it removed, when
  // it was killed before its structure was on disk.
  static std::unique_ptr<ShardWriter> reopen(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<ShardGroup>& groups() const { return reader_->groups(); }
  [[nodiscard]] bool done(size_t group, int64_t row) const {
    return done_[group][static_cast<size_t>(row)] != 0;
  }
  [[nodiscard]] int64_t num_done() const { return num_done_; }

  // `latent` [C, h, w] in the shard's type, on the CPU; undefined for a failed record. Checksums
  // and status are filled in here.
  void write(size_t group, int64_t row, RecordFields fields, const at::Tensor& latent_CHW);
  // What was written so far outlives a crash of the machine.
  void commit();
  // Commits, and renames the file. Rows never written stay empty.
  void finish();

 private:
  explicit ShardWriter(const std::filesystem::path& path);

  void open_part();
  void recover(const Journal& journal);
  [[nodiscard]] bool entry_is_intact(const JournalEntry& entry) const;
  void write_fields(size_t group, int64_t row, const RecordFields& fields);

  std::filesystem::path path_;
  std::unique_ptr<ShardReader> reader_;  // of the part file: structure, offsets
  std::unique_ptr<RawFile> part_;
  std::unique_ptr<RawFile> journal_;
  std::vector<std::vector<char>> done_;
  int64_t num_done_ = 0;
  std::vector<JournalEntry> pending_;  // one per row, crc = record_crc
};

// The part file's structure, synced. Replaces what is there.
void create_shard(const std::filesystem::path& path, const ShardPlan& plan);

}  // namespace omnigen::io
