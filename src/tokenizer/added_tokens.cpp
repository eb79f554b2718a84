#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "tokenizer/utf8.h"

namespace omnigen::tokenizer {
namespace {

size_t skip_spaces_right(std::string_view text, size_t offset) {
  while (offset < text.size()) {
    const Utf8Char c = utf8_char_at(text, offset);
    if (!is_white_space(c.value)) break;
    offset += c.num_bytes;
  }
  return offset;
}

size_t skip_spaces_left(std::string_view text, size_t offset) {
  while (offset > 0) {
    const Utf8Char c = utf8_char_before(text, offset);
    if (!is_white_space(c.value)) break;
    offset -= c.num_bytes;
  }
  return offset;
}

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  const bool word_before = begin > 0 && is_word_char(utf8_char_before(text, begin).value);
  const bool word_after = end < text.size() && is_word_char(utf8_char_at(text, end).value);
  return !word_before && !word_after;
}

}  // namespace

AddedTokenSplitter::AddedTokenSplitter(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (!tokens_[i].content.empty()) {
      by_first_byte_[static_cast<uint8_t>(tokens_[i].content[0])].push_back(i);
    }
  }
  for (auto& indices : by_first_byte_) {
    std::stable_sort(indices.begin(), indices.end(), [this](size_t a, size_t b) {
      return tokens_[a].content.size() > tokens_[b].content.size();
    });
  }
}

const AddedToken* AddedTokenSplitter::longest_at(std::string_view text, size_t offset) const {
  for (const size_t index : by_first_byte_[static_cast<uint8_t>(text[offset])]) {
    if (text.substr(offset).starts_with(tokens_[index].content)) return &tokens_[index];
  }
  return nullptr;
}

std::vector<Segment> AddedTokenSplitter::split(std::string_view text) const {
  std::vector<Segment> segments;
  size_t done = 0;  // everything before is in a segment
  const auto add_plain_until = [&](size_t end) {
    if (done < end) segments.push_back({-1, text.substr(done, end - done)});
  };
  for (size_t offset = 0; offset < text.size();) {
    const AddedToken* token = longest_at(text, offset);
    if (token == nullptr) {
      ++offset;
      continue;
    }
    size_t begin = offset;
    size_t end = offset + token->content.size();
    offset = end;
    if (token->single_word && !stands_alone(text, begin, end)) continue;
    // White space that the token before has swallowed is not there for this one.
    if (token->lstrip) begin = std::max(skip_spaces_left(text, begin), done);
    if (token->rstrip) end = skip_spaces_right(text, end);
    add_plain_until(begin);
    segments.push_back({token->id, text.substr(begin, end - begin)});
    done = end;
  }
  add_plain_until(text.size());
  return segments;
}

}  // namespace omnigen::tokenizer
