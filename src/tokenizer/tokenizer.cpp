#include "tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/utf8.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  size_t done = 0;
  for (size_t found = text.find(pattern); found != std::string_view::npos;
       found = text.find(pattern, done)) {
    out.append(text.substr(done, found - done)).append(content);
    done = found + pattern.size();
  }
  return out.append(text.substr(done));
}

std::string apply_steps(const std::vector<NormalizerStep>& steps, std::string_view text) {
  std::string out(text);
  for (const NormalizerStep& step : steps) {
    if (step.kind == NormalizerStep::Kind::kPrepend) {
      if (!out.empty()) out.insert(0, step.content);
    } else if (!step.pattern.empty()) {
      out = replace_all(out, step.pattern, step.content);
    }
  }
  return out;
}

std::vector<AddedToken> select(const TokenizerJson& description, bool normalized) {
  std::vector<AddedToken> selected;
  for (AddedToken token : description.added_tokens) {
    if (token.normalized != normalized) continue;
    if (normalized) token.content = apply_steps(description.normalizer, token.content);
    selected.push_back(std::move(token));
  }
  return selected;
}

int64_t highest_id(const TokenizerJson& description) {
  int64_t highest = -1;
  for (const auto& [piece, id] : description.vocabulary) highest = std::max<int64_t>(highest, id);
  for (const AddedToken& token : description.added_tokens) highest = std::max(highest, token.id);
  return highest;
}

}  // namespace

Tokenizer::Tokenizer(const std::filesystem::path& tokenizer_json)
    : Tokenizer(read_tokenizer_json(tokenizer_json)) {}

Tokenizer::Tokenizer(TokenizerJson description)
    : added_tokens_(description.added_tokens),
      normalizer_(description.normalizer),
      raw_splitter_(select(description, false)),
      normalized_splitter_(select(description, true)),
      prefix_ids_(description.prefix_ids),
      suffix_ids_(description.suffix_ids),
      num_ids_(highest_id(description) + 1),
      bpe_(std::move(description.vocabulary), description.merges, description.bpe) {}

std::string Tokenizer::normalize(std::string_view text) const {
  return apply_steps(normalizer_, text);
}

void Tokenizer::encode_plain(std::string_view text, std::vector<int64_t>& ids) const {
  // Every plain part is normalised on its own: it gets its own leading "▁", also after a token.
  const std::string normalized = normalize(text);
  for (const Segment& segment : normalized_splitter_.split(normalized)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      bpe_.encode(segment.text, ids);
    }
  }
}

std::vector<int64_t> Tokenizer::encode(std::string_view text) const {
  if (const auto invalid = first_invalid_utf8(text)) {
    throw util::DataError(
        fmt::format("tokenizer: the text is not UTF-8: byte 0x{:02x} at offset {}",
                    static_cast<uint8_t>(text[*invalid]), *invalid));
  }
  std::vector<int64_t> ids = prefix_ids_;
  for (const Segment& segment : raw_splitter_.split(text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      encode_plain(segment.text, ids);
    }
  }
  ids.insert(ids.end(), suffix_ids_.begin(), suffix_ids_.end());
  return ids;
}

std::optional<int64_t> Tokenizer::token_id(const std::string& token) const {
  for (const AddedToken& added : added_tokens_) {
    if (added.content == token) return added.id;
  }
  return bpe_.piece_id(token);
}

std::optional<int64_t> Tokenizer::bos_id() const {
  if (prefix_ids_.empty()) return std::nullopt;
  return prefix_ids_.front();
}

}  // namespace omnigen::tokenizer
