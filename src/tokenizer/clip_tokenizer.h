// CLIP's tokenizer: text -> ids between the start and the end token.
//
// Source: huggingface/transformers src/transformers/convert_slow_tokenizer.py, CLIPConverter
// (normal form C, runs of white space to one blank, lower case; contractions, runs of letters,
// single digits, runs of other characters; bytes as visible characters; byte-pair merges).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bpe.h"

namespace omnigen::tokenizer {

class ClipTokenizer {
 public:
  // A folder with `vocab.json` and `merges.txt`, or else with `tokenizer.json`.
  // Errors: DataError when neither is there, or one is damaged or lacks the special tokens.
  explicit ClipTokenizer(const std::filesystem::path& folder);

  // At most `max_ids` ids. A longer text is cut before its end token, which the score is read at.
  // Errors: DataError if `text` is not valid UTF-8.
  [[nodiscard]] std::vector<int64_t> encode(std::string_view text, size_t max_ids) const;

  [[nodiscard]] int64_t start_id() const { return start_id_; }
  [[nodiscard]] int64_t end_id() const { return end_id_; }

 private:
  void encode_plain(std::string_view text, std::vector<int64_t>& ids) const;

  Bpe bpe_;
  int64_t start_id_ = 0;
  int64_t end_id_ = 0;
};

// The pieces that merges never cross; white space is in none. `text` is normalised.
std::vector<std::string_view> clip_words(std::string_view text);

}  // namespace omnigen::tokenizer
