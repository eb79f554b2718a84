// Byte-pair encoding of one piece of text: symbols merged in order of rank.
//
// Source: huggingface/tokenizers, tokenizers/src/models/bpe (merge order, byte fallback, unknowns).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace omnigen::tokenizer {

struct BpeOptions {
  std::optional<std::string> unk_token = std::nullopt;
  bool byte_fallback = false;  // a character outside the vocabulary becomes the pieces <0xNN>
  bool fuse_unk = false;       // a run of unknown characters becomes one unknown
  bool ignore_merges = false;  // text that is a piece as a whole is that piece
  std::string end_of_word_suffix = {};  // belongs to the last character's piece, e.g. "</w>"
};

class Bpe {
 public:
  using Vocabulary = std::unordered_map<std::string, int32_t>;
  using Merge = std::pair<std::string, std::string>;

  // Errors: DataError if a merge or the unknown token names a piece that is not in the vocabulary.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, const BpeOptions& options);

  // Appends the ids of `text`, which is valid UTF-8.
  void encode(std::string_view text, std::vector<int64_t>& ids) const;
  std::optional<int64_t> piece_id(const std::string& piece) const;
  size_t size() const { return vocabulary_.size(); }

 private:
  struct MergeResult {
    int32_t rank;
    int32_t id;
  };
  struct Symbol {
    int32_t id;
    int32_t previous;
    int32_t next;
  };

  static uint64_t pair_key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  const MergeResult* find_merge(int32_t left, int32_t right) const;
  // The piece of one character, which may be the last of the text; -1 if there is none.
  int32_t char_piece(std::string_view bytes, char32_t value, bool is_last) const;
  std::vector<Symbol> symbols_of(std::string_view text) const;
  void merge_all(std::vector<Symbol>& symbols) const;

  Vocabulary vocabulary_;
  std::unordered_map<uint64_t, MergeResult> merges_;
  std::unordered_map<char32_t, int32_t> char_ids_;  // pieces of one character
  std::vector<int32_t> byte_ids_;                   // 256, or empty without byte fallback
  int32_t unk_id_ = -1;
  bool fuse_unk_;
  bool ignore_merges_;
  std::string end_of_word_suffix_;
};

}  // namespace omnigen::tokenizer
