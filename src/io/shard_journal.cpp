#include "io/shard_journal.h"

#include <fmt/format.h>

#include <sstream>

#include "io/atomic_file.h"
#include "util/hash.h"

namespace omnigen::io {
namespace {

constexpr const char* kHeader = "omnigen-journal 1";

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// "<text> <checksum of text>\n"
std::string checked_line(const std::string& text) {
  return fmt::format("{} {:08x}\n", text, util::crc32c(bytes_of(text)));
}

// The line's text, or nothing if it is torn or damaged.
std::optional<std::string> unchecked(const std::string& line) {
  const size_t space = line.rfind(' ');
  if (space == std::string::npos) return std::nullopt;
  const std::string text = line.substr(0, space);
  if (checked_line(text) != line + "\n") return std::nullopt;
  return text;
}

}  // namespace

std::optional<Journal> read_journal(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::string content = read_file(path);
  Journal journal;
  bool has_header = false;
  size_t begin = 0;
  for (size_t end = content.find('\n'); end != std::string::npos;
       begin = end + 1, end = content.find('\n', begin)) {
    const auto text = unchecked(content.substr(begin, end - begin));
    if (!text) break;
    std::istringstream words(*text);
    if (!has_header) {
      if (!text->starts_with(kHeader)) break;
      journal.digest = text->substr(text->rfind(' ') + 1);
      has_header = true;
    } else {
      JournalEntry entry;
      words >> entry.group >> entry.first >> entry.count >> entry.crc;
      if (!words) break;
      journal.entries.push_back(entry);
    }
    journal.intact_bytes = end + 1;
  }
  if (!has_header) return std::nullopt;
  return journal;
}

void create_journal(const std::filesystem::path& path, const std::string& digest) {
  write_atomically(path, checked_line(fmt::format("{} {}", kHeader, digest)));
}

void append_journal(RawFile& journal, const std::vector<JournalEntry>& entries) {
  std::string text;
  for (const JournalEntry& entry : entries) {
    text +=
        checked_line(fmt::format("{} {} {} {}", entry.group, entry.first, entry.count, entry.crc));
  }
  journal.append(bytes_of(text));
  journal.sync();
}

}  // namespace omnigen::io
