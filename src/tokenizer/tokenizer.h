// Text -> token ids, exactly as a published `tokenizer.json` says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/tokenizer_json.h"

namespace omnigen::tokenizer {

// Thread-safe after construction.
class Tokenizer {
 public:
  // Errors: DataError, see read_tokenizer_json().
  explicit Tokenizer(const std::filesystem::path& tokenizer_json);
  explicit Tokenizer(TokenizerJson description);

  // One encode call: begin-of-text and the like are put around it as the file says.
  // Errors: DataError if `text` is not valid UTF-8.
  std::vector<int64_t> encode(std::string_view text) const;

  // The id of a piece or an added token.
  std::optional<int64_t> token_id(const std::string& token) const;
  // The begin-of-text id, if encode() puts one first.
  std::optional<int64_t> bos_id() const;
  // The least number of embedding rows: highest id + 1.
  int64_t num_ids() const { return num_ids_; }

 private:
  std::string normalize(std::string_view text) const;
  void encode_plain(std::string_view text, std::vector<int64_t>& ids) const;

  std::vector<AddedToken> added_tokens_;
  std::vector<NormalizerStep> normalizer_;
  AddedTokenSplitter raw_splitter_;         // tokens looked for in the text as it is
  AddedTokenSplitter normalized_splitter_;  // tokens looked for after normalisation
  std::vector<int64_t> prefix_ids_;
  std::vector<int64_t> suffix_ids_;
  int64_t num_ids_ = 0;
  Bpe bpe_;
};

}  // namespace omnigen::tokenizer
