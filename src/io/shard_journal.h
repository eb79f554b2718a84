// Which rows of an unfinished shard are safely on disk: one line per run of rows, written after
// their data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/raw_file.h"

namespace omnigen::io {

struct JournalEntry {
  size_t group = 0;
  int64_t first = 0;  // row
  int64_t count = 0;
  uint32_t crc = 0;  // CRC-32C of the rows' record_crc values
  bool operator==(const JournalEntry&) const = default;
};

struct Journal {
  std::string digest;  // of the shard's plan
  std::vector<JournalEntry> entries;
  uint64_t intact_bytes = 0;  // what follows was being written when the writer died
};

// Nothing if there is no journal, or its first line is not whole.
std::optional<Journal> read_journal(const std::filesystem::path& path);

// The first line, in a new file; the shard's structure must be on disk already.
void create_journal(const std::filesystem::path& path, const std::string& digest);
void append_journal(RawFile& journal, const std::vector<JournalEntry>& entries);

}  // namespace omnigen::io
