#include "io/shard_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/hash.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

uint32_t crc_of(const std::vector<uint32_t>& record_crcs) {
  return util::crc32c(std::as_bytes(std::span(record_crcs)));
}

// Rows -> runs of neighbouring rows.
std::vector<JournalEntry> runs(std::vector<JournalEntry> rows) {
  std::sort(rows.begin(), rows.end(), [](const JournalEntry& a, const JournalEntry& b) {
    return std::pair(a.group, a.first) < std::pair(b.group, b.first);
  });
  std::vector<JournalEntry> result;
  std::vector<uint32_t> crcs;
  for (size_t i = 0; i < rows.size(); ++i) {
    crcs.push_back(rows[i].crc);
    const bool ends = i + 1 == rows.size() || rows[i + 1].group != rows[i].group ||
                      rows[i + 1].first != rows[i].first + 1;
    if (!ends) continue;
    const int64_t count = std::ssize(crcs);
    result.push_back({rows[i].group, rows[i].first - count + 1, count, crc_of(crcs)});
    crcs.clear();
  }
  return result;
}

}  // namespace

ShardWriter::ShardWriter(const fs::path& path) : path_(path) {}

ShardWriter::ShardWriter(const fs::path& path, const ShardPlan& plan) : path_(path) {
  auto journal = read_journal(journal_path(path));
  if (!journal || journal->digest != plan.digest() || !fs::exists(part_path(path))) {
    create_shard(path, plan);
    create_journal(journal_path(path), plan.digest());
    journal = read_journal(journal_path(path));
  }
  open_part();
  recover(*journal);
}

std::unique_ptr<ShardWriter> ShardWriter::reopen(const fs::path& path) {
  const auto journal = read_journal(journal_path(path));
  if (!journal || !fs::exists(part_path(path))) {
    fs::remove(part_path(path));
    fs::remove(journal_path(path));
    return nullptr;
  }
  std::unique_ptr<ShardWriter> writer(new ShardWriter(path));
  writer->open_part();
  writer->recover(*journal);
  return writer;
}

void ShardWriter::open_part() {
  reader_ = std::make_unique<ShardReader>(part_path(path_), ShardReader::Accept::kOpen);
  part_ = std::make_unique<RawFile>(part_path(path_), RawFile::Mode::kReadWrite);
  journal_ = std::make_unique<RawFile>(journal_path(path_), RawFile::Mode::kAppend);
  for (const ShardGroup& group : groups()) done_.emplace_back(group.fields.size(), 0);
}

bool ShardWriter::entry_is_intact(const JournalEntry& entry) const {
  if (entry.group >= groups().size() || entry.first < 0 || entry.count < 1 ||
      entry.first + entry.count > std::ssize(groups()[entry.group].fields)) {
    return false;
  }
  const ShardGroup& group = groups()[entry.group];
  std::vector<uint32_t> crcs;
  for (int64_t row = entry.first; row < entry.first + entry.count; ++row) {
    const RecordFields& fields = group.fields[static_cast<size_t>(row)];
    if (record_crc(group.plan.paths[static_cast<size_t>(row)], fields) != fields.record_crc) {
      return false;
    }
    crcs.push_back(fields.record_crc);
  }
  return crc_of(crcs) == entry.crc;
}

void ShardWriter::recover(const Journal& journal) {
  journal_->truncate(journal.intact_bytes);
  for (const JournalEntry& entry : journal.entries) {
    if (!entry_is_intact(entry)) continue;
    for (int64_t row = entry.first; row < entry.first + entry.count; ++row) {
      done_[entry.group][static_cast<size_t>(row)] = 1;
    }
  }
  for (size_t g = 0; g < done_.size(); ++g) {
    for (int64_t row = 0; row < std::ssize(done_[g]); ++row) {
      if (done(g, row)) {
        ++num_done_;
      } else if (groups()[g].fields[static_cast<size_t>(row)] !=
                 RecordFields{.exif_orientation = 0}) {
        write_fields(g, row, {.exif_orientation = 0});  // written, but never committed
      }
    }
  }
}

void ShardWriter::write_fields(size_t group, int64_t row, const RecordFields& fields) {
  const auto bytes = std::as_bytes(std::span(&fields, 1));
  const auto columns = record_columns();
  for (size_t c = 0; c < columns.size(); ++c) {
    const size_t size = columns[c].element_bytes * columns[c].num_elements;
    part_->write_at(groups()[group].offsets.columns[c] + static_cast<uint64_t>(row) * size,
                    bytes.subspan(columns[c].offset, size));
  }
}

void ShardWriter::write(size_t group, int64_t row, RecordFields fields,
                        const at::Tensor& latent_CHW) {
  const ShardGroupPlan& plan = groups().at(group).plan;
  fields.status = latent_CHW.defined() ? RecordStatus::kComplete : RecordStatus::kFailed;
  fields.latent_crc = 0;
  if (latent_CHW.defined()) {
    TORCH_CHECK(latent_CHW.sizes() == at::IntArrayRef(plan.latent_shape) &&
                    latent_CHW.scalar_type() == reader_->latent_dtype() &&
                    latent_CHW.is_contiguous() && latent_CHW.is_cpu(),
                "ShardWriter: latent ", latent_CHW.sizes(), " of ", latent_CHW.scalar_type(),
                " does not fit bucket ", plan.bucket);
    const std::span bytes(static_cast<const std::byte*>(latent_CHW.data_ptr()),
                          latent_CHW.nbytes());
    fields.latent_crc = util::crc32c(bytes);
    part_->write_at(groups()[group].offsets.latent + static_cast<uint64_t>(row) * bytes.size(),
                    bytes);
  }
  fields.record_crc = record_crc(plan.paths.at(static_cast<size_t>(row)), fields);
  write_fields(group, row, fields);
  pending_.push_back({group, row, 1, fields.record_crc});
}

void ShardWriter::commit() {
  if (pending_.empty()) return;
  part_->sync();
  append_journal(*journal_, runs(pending_));
  for (const JournalEntry& row : pending_) {
    char& is_done = done_[row.group][static_cast<size_t>(row.first)];
    num_done_ += is_done == 0 ? 1 : 0;
    is_done = 1;
  }
  pending_.clear();
}

void ShardWriter::finish() {
  commit();
  const std::byte one{1};
  part_->write_at(reader_->complete_offset(), std::span(&one, 1));
  part_->sync();
  rename_file(part_path(path_), path_);
  fs::remove(journal_path(path_));
}

}  // namespace omnigen::io
