// Captions and token ids of a data set, each record's variants together, in flat pools.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omnigen::io {

inline constexpr int64_t kTokenTableVersion = 1;
inline constexpr const char* kTokenTableSchema = "omnigen-tokens";

struct CaptionTokens {
  std::string caption;
  std::vector<int32_t> ids;  // of the whole templated prompt
};

class TokenTable {
 public:
  // Paths must be added in byte order.
  void add(std::string_view path, const std::vector<CaptionTokens>& variants);

  [[nodiscard]] int64_t size() const { return std::ssize(path_offset_) - 1; }
  [[nodiscard]] std::string_view path(int64_t row) const;
  // Row of a path, or -1.
  [[nodiscard]] int64_t find(std::string_view path) const;
  [[nodiscard]] int64_t num_variants(int64_t row) const;
  [[nodiscard]] std::string_view caption(int64_t row, int64_t variant) const;
  [[nodiscard]] std::span<const int32_t> ids(int64_t row, int64_t variant) const;

  // Prompts of a dropped caption: the empty one (SimpleTuner) and `<cfg>` (OmniGen).
  std::vector<int32_t> dropped_empty;
  std::vector<int32_t> dropped_cfg;
  std::string digest;  // identifies captions, paths and the way to token ids

  // Written aside, synced and renamed. The same table gives the same bytes.
  // Errors: Error naming the path and the system's reason.
  void write(const std::filesystem::path& path, bool deflate) const;
  // Errors: DataError when the file is missing, truncated, of another version or damaged.
  static TokenTable read(const std::filesystem::path& path);

 private:
  void check(const std::string& where) const;
  template <class Self, class Visit>
  static void visit_columns(Self& self, Visit&& visit);

  std::vector<uint64_t> path_offset_{0};
  std::vector<char> path_bytes_;
  std::vector<uint64_t> first_variant_{0};
  std::vector<uint64_t> caption_offset_{0};
  std::vector<char> caption_bytes_;
  std::vector<uint64_t> id_offset_{0};
  std::vector<int32_t> ids_;
};

}  // namespace omnigen::io
