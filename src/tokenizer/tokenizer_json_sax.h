// One pass over a `tokenizer.json`: vocabulary and merges, which are nearly all of it, go straight
// into their tables; the rest becomes an ordinary document.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenizer/bpe.h"

namespace omnigen::tokenizer {

struct TokenizerJsonText {
  nlohmann::json rest;  // without model.vocab and model.merges
  Bpe::Vocabulary vocabulary;
  std::vector<Bpe::Merge> merges;
};

// Errors: DataError without the file's name; the position is in the message.
TokenizerJsonText parse_tokenizer_json(const std::string& text);

}  // namespace omnigen::tokenizer
