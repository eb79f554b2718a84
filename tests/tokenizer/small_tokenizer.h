// A tokenizer.json small enough to reason about: letters, a few merges, bytes, added tokens.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/temp_dir.h"
#include "tokenizer/tokenizer.h"

namespace omnigen::test {

inline nlohmann::json small_tokenizer_json() {
  nlohmann::json vocab = {{"<unk>", 0}, {"<s>", 1}, {"▁", 2},   {"a", 3},   {"b", 4},
                          {"c", 5},     {"ab", 6},  {"abc", 7}, {"▁ab", 8}, {"bc", 9}};
  for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = 100 + byte;
  const auto added = [](int id, const std::string& content) {
    return nlohmann::json{{"id", id},        {"content", content}, {"single_word", false},
                          {"lstrip", false}, {"rstrip", false},    {"normalized", false},
                          {"special", true}};
  };
  return {{"version", "1.0"},
          {"added_tokens", {added(1, "<s>"), added(500, "<x>"), added(501, "<xy>")}},
          {"normalizer",
           {{"type", "Sequence"},
            {"normalizers",
             {{{"type", "Prepend"}, {"prepend", "▁"}},
              {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}}},
          {"pre_tokenizer", nullptr},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single",
             {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", "<unk>"},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocab},
            {"merges", {"a b", "▁ ab", "ab c", "b c"}}}}};
}

inline tokenizer::TokenizerJson read_json_as_tokenizer(const std::string& text) {
  const TempDir dir;
  std::ofstream(dir / "tokenizer.json") << text;
  return tokenizer::read_tokenizer_json(dir / "tokenizer.json");
}

inline tokenizer::Tokenizer small_tokenizer(const nlohmann::json& json = small_tokenizer_json()) {
  return tokenizer::Tokenizer(read_json_as_tokenizer(json.dump()));
}

}  // namespace omnigen::test
