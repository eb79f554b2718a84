// Reads a published `tokenizer.json` (huggingface/tokenizers), as far as byte-pair tokenizers of
// the Llama family use it. What the file asks for and this reader lacks is an error, never ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"

namespace omnigen::tokenizer {

// One step of the normalizer: put `content` before the text, or replace `pattern` by it.
struct NormalizerStep {
  enum class Kind { kPrepend, kReplace };
  Kind kind = Kind::kPrepend;
  std::string pattern;
  std::string content;
};

struct TokenizerJson {
  Bpe::Vocabulary vocabulary;
  std::vector<Bpe::Merge> merges;
  BpeOptions bpe;
  std::vector<AddedToken> added_tokens;
  std::vector<NormalizerStep> normalizer;
  std::vector<int64_t> prefix_ids;  // of the post-processor's template for one text, e.g. {1}
  std::vector<int64_t> suffix_ids;
};

// Errors: DataError if the file is missing, not JSON, incomplete, or asks for something unknown.
TokenizerJson read_tokenizer_json(const std::filesystem::path& path);

}  // namespace omnigen::tokenizer
