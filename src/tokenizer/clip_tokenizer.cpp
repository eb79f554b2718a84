#include "tokenizer/clip_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tokenizer/tokenizer_json_sax.h"
#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStart = "<|startoftext|>";
constexpr std::string_view kEnd = "<|endoftext|>";
constexpr const char* kEndOfWord = "</w>";
constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t",  "'re", "'ve",
                                                           "'m", "'ll", "'d"};
constexpr int kNumBytes = 256;

std::string read_text(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw util::DataError(fmt::format("{} cannot be read", path.string()));
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

Bpe::Vocabulary read_vocabulary(const fs::path& path) {
  try {
    return nlohmann::json::parse(read_text(path)).get<Bpe::Vocabulary>();
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(
        fmt::format("{}: expected one JSON object, piece to id: {}", path.string(), error.what()));
  }
}

// `left right` a line; the first line is a comment.
std::vector<Bpe::Merge> read_merges(const fs::path& path) {
  std::istringstream stream(read_text(path));
  std::vector<Bpe::Merge> merges;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    const size_t blank = line.find(' ');
    if (blank == 0 || blank == std::string::npos || blank + 1 == line.size()) {
      throw util::DataError(
          fmt::format("{}:{}: \"{}\" is no pair of pieces", path.string(), number, line));
    }
    merges.emplace_back(line.substr(0, blank), line.substr(blank + 1));
  }
  return merges;
}

BpeOptions bpe_options() {
  BpeOptions options;
  options.unk_token = std::string(kEnd);
  options.end_of_word_suffix = kEndOfWord;
  return options;
}

Bpe read_bpe(const fs::path& folder) {
  if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) {
    return {read_vocabulary(folder / "vocab.json"), read_merges(folder / "merges.txt"),
            bpe_options()};
  }
  const fs::path single = folder / "tokenizer.json";
  if (!fs::exists(single)) {
    throw util::DataError(fmt::format(
        "{}: neither vocab.json with merges.txt nor tokenizer.json is there", folder.string()));
  }
  try {
    TokenizerJsonText parsed = parse_tokenizer_json(read_text(single));
    return {std::move(parsed.vocabulary), parsed.merges, bpe_options()};
  } catch (const util::DataError& error) {
    throw util::DataError(fmt::format("{}: {}", single.string(), error.what()));
  }
}

int64_t special_id(const Bpe& bpe, std::string_view token, const fs::path& folder) {
  const auto id = bpe.piece_id(std::string(token));
  if (!id) {
    throw util::DataError(fmt::format(
        "{}: {} is not in the vocabulary; is this a CLIP model's folder?", folder.string(), token));
  }
  return *id;
}

std::string encode_utf8(int code_point) {  // below U+0800
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

// Every byte as a visible character: itself where it is one in Latin-1, else from U+0100 on.
std::array<std::string, kNumBytes> visible_bytes() {
  std::array<std::string, kNumBytes> table;
  int next = 0x100;
  for (int byte = 0; byte < kNumBytes; ++byte) {
    const bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                         (byte >= 0xAE && byte <= 0xFF);
    table[static_cast<size_t>(byte)] = encode_utf8(visible ? byte : next++);
  }
  return table;
}

std::string in_visible_bytes(std::string_view text) {
  static const std::array<std::string, kNumBytes> kTable = visible_bytes();
  std::string visible;
  for (const char c : text) visible += kTable[static_cast<uint8_t>(c)];
  return visible;
}

std::string one_blank_for_white_space(std::string_view text) {
  std::string out;
  bool in_blank = false;
  for (size_t offset = 0; offset < text.size();) {
    const Utf8Char c = utf8_char_at(text, offset);
    if (!is_white_space(c.value)) {
      out.append(text.substr(offset, c.num_bytes));
      in_blank = false;
    } else if (!in_blank) {
      out += ' ';
      in_blank = true;
    }
    offset += c.num_bytes;
  }
  return out;
}

enum class Kind { kBlank, kLetter, kNumber, kOther };

Kind kind_of(char32_t c) {
  if (is_white_space(c)) return Kind::kBlank;
  if (is_letter(c)) return Kind::kLetter;
  return is_number(c) ? Kind::kNumber : Kind::kOther;
}

size_t contraction_at(std::string_view text) {
  for (const std::string_view contraction : kContractions) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

// Bytes of the run of one kind at the beginning of `text`.
size_t run_length(std::string_view text, Kind kind) {
  size_t size = 0;
  while (size < text.size()) {
    const Utf8Char c = utf8_char_at(text, size);
    if (kind_of(c.value) != kind) break;
    size += c.num_bytes;
  }
  return size;
}

}  // namespace

std::vector<std::string_view> clip_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const Utf8Char first = utf8_char_at(text, 0);
    const Kind kind = kind_of(first.value);
    size_t size = contraction_at(text);
    if (size == 0) size = kind == Kind::kNumber ? first.num_bytes : run_length(text, kind);
    if (kind != Kind::kBlank) words.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return words;
}

ClipTokenizer::ClipTokenizer(const fs::path& folder)
    : bpe_(read_bpe(folder)),
      start_id_(special_id(bpe_, kStart, folder)),
      end_id_(special_id(bpe_, kEnd, folder)) {}

void ClipTokenizer::encode_plain(std::string_view text, std::vector<int64_t>& ids) const {
  for (const std::string_view word : clip_words(text)) bpe_.encode(in_visible_bytes(word), ids);
}

std::vector<int64_t> ClipTokenizer::encode(std::string_view text, size_t max_ids) const {
  if (first_invalid_utf8(text)) throw util::DataError("CLIP tokenizer: the text is not UTF-8");
  const std::string normal = to_lower(one_blank_for_white_space(to_nfc(text)));
  std::vector<int64_t> ids = {start_id_};
  std::string_view rest = normal;
  while (!rest.empty()) {  // special tokens written out are those tokens
    const size_t at = std::min(rest.find(kStart), rest.find(kEnd));
    encode_plain(rest.substr(0, at), ids);
    if (at == std::string_view::npos) break;
    const bool is_start = rest.substr(at).starts_with(kStart);
    ids.push_back(is_start ? start_id_ : end_id_);
    rest.remove_prefix(at + (is_start ? kStart : kEnd).size());
  }
  if (ids.size() + 1 > max_ids) ids.resize(max_ids - 1);
  ids.push_back(end_id_);
  return ids;
}

}  // namespace omnigen::tokenizer
