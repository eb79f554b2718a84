// Added tokens: texts that become one id before anything else is looked at.
//
// Source: huggingface/tokenizers, tokenizers/src/tokenizer/added_vocabulary.rs.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omnigen::tokenizer {

struct AddedToken {
  int64_t id = 0;
  std::string content;
  bool single_word = false;  // only between characters that are not part of a word
  bool lstrip = false;       // swallows white space before it
  bool rstrip = false;       // swallows white space after it
  bool normalized = false;   // looked for in the normalised text
  bool special = false;      // for decoders; encoding does not differ
};

// A part of a text: one added token, or plain text (id < 0).
struct Segment {
  int64_t id = -1;
  std::string_view text;
};

// Finds the leftmost-longest tokens of a text.
class AddedTokenSplitter {
 public:
  explicit AddedTokenSplitter(std::vector<AddedToken> tokens);

  // Plain parts are never empty.
  [[nodiscard]] std::vector<Segment> split(std::string_view text) const;

 private:
  [[nodiscard]] const AddedToken* longest_at(std::string_view text, size_t offset) const;

  std::vector<AddedToken> tokens_;
  std::array<std::vector<size_t>, 256> by_first_byte_;  // indices into tokens_, longest first
};

}  // namespace omnigen::tokenizer
