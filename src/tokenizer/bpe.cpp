#include "tokenizer/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "tokenizer/utf8.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

constexpr int32_t kNone = -1;
constexpr int kNumBytes = 256;

// A pair of neighbours that may be merged: the lowest rank first, then the leftmost.
struct Candidate {
  int32_t rank;
  int32_t left;
  int32_t result;

  bool operator<(const Candidate& other) const {  // std::priority_queue puts the greatest on top
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

int32_t id_of(const Bpe::Vocabulary& vocabulary, const std::string& piece, std::string_view role) {
  const auto found = vocabulary.find(piece);
  if (found == vocabulary.end()) {
    throw util::DataError(
        fmt::format("tokenizer: {} '{}' is not in the vocabulary of {} pieces; the file is "
                    "damaged, fetch it again",
                    role, piece, vocabulary.size()));
  }
  return found->second;
}

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, const BpeOptions& options)
    : vocabulary_(std::move(vocabulary)),
      fuse_unk_(options.fuse_unk),
      ignore_merges_(options.ignore_merges),
      end_of_word_suffix_(options.end_of_word_suffix) {
  if (options.unk_token) unk_id_ = id_of(vocabulary_, *options.unk_token, "the unknown token");
  for (const auto& [piece, id] : vocabulary_) {
    if (piece.empty()) continue;
    const Utf8Char c = utf8_char_at(piece, 0);
    if (c.num_bytes == piece.size()) char_ids_.emplace(c.value, id);
  }
  merges_.reserve(merges.size());
  std::string whole;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    whole.assign(left).append(right);
    merges_.insert_or_assign(
        pair_key(id_of(vocabulary_, left, "a merge's part"),
                 id_of(vocabulary_, right, "a merge's part")),
        MergeResult{static_cast<int32_t>(rank), id_of(vocabulary_, whole, "a merge's result")});
  }
  if (!options.byte_fallback) return;
  for (int byte = 0; byte < kNumBytes; ++byte) {
    const auto found = vocabulary_.find(fmt::format("<0x{:02X}>", byte));
    byte_ids_.push_back(found == vocabulary_.end() ? kNone : found->second);
  }
}

std::optional<int64_t> Bpe::piece_id(const std::string& piece) const {
  const auto found = vocabulary_.find(piece);
  if (found == vocabulary_.end()) return std::nullopt;
  return found->second;
}

const Bpe::MergeResult* Bpe::find_merge(int32_t left, int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

int32_t Bpe::char_piece(std::string_view bytes, char32_t value, bool is_last) const {
  if (is_last && !end_of_word_suffix_.empty()) {
    return static_cast<int32_t>(
        piece_id(std::string(bytes).append(end_of_word_suffix_)).value_or(kNone));
  }
  const auto found = char_ids_.find(value);
  return found == char_ids_.end() ? kNone : found->second;
}

std::vector<Bpe::Symbol> Bpe::symbols_of(std::string_view text) const {
  std::vector<Symbol> symbols;
  symbols.reserve(text.size());
  const auto append = [&symbols](int32_t id) {
    const auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, index - 1, index + 1});
  };
  bool after_unk = false;
  for (size_t offset = 0; offset < text.size();) {
    const Utf8Char c = utf8_char_at(text, offset);
    const std::string_view bytes = text.substr(offset, c.num_bytes);
    offset += c.num_bytes;
    const auto byte_id = [this](char byte) { return byte_ids_[static_cast<uint8_t>(byte)]; };
    if (const int32_t piece = char_piece(bytes, c.value, offset == text.size()); piece != kNone) {
      append(piece);
      after_unk = false;
    } else if (!byte_ids_.empty() && std::all_of(bytes.begin(), bytes.end(), [&](char byte) {
                 return byte_id(byte) != kNone;
               })) {
      for (const char byte : bytes) append(byte_id(byte));
      after_unk = false;
    } else if (unk_id_ != kNone && !(after_unk && fuse_unk_)) {
      append(unk_id_);
      after_unk = true;
    }
  }
  if (!symbols.empty()) symbols.back().next = kNone;
  return symbols;
}

void Bpe::merge_all(std::vector<Symbol>& symbols) const {
  std::vector<Candidate> storage;
  storage.reserve(symbols.size());
  std::priority_queue<Candidate> queue({}, std::move(storage));
  const auto offer = [&](int32_t left, int32_t right) {
    if (left == kNone || right == kNone) return;
    if (const MergeResult* merge = find_merge(symbols[left].id, symbols[right].id)) {
      queue.push({merge->rank, left, merge->id});
    }
  };
  for (int32_t i = 0; i + 1 < std::ssize(symbols); ++i) offer(i, i + 1);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    if (left.id == kNone || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    const MergeResult* merge = find_merge(left.id, right.id);
    if (merge == nullptr || merge->id != best.result) continue;  // a neighbour has changed since
    left.id = best.result;
    right.id = kNone;
    left.next = right.next;
    if (right.next != kNone) symbols[right.next].previous = best.left;
    offer(left.previous, best.left);
    offer(best.left, left.next);
  }
}

void Bpe::encode(std::string_view text, std::vector<int64_t>& ids) const {
  if (text.empty()) return;
  if (ignore_merges_) {
    if (const auto whole = piece_id(std::string(text))) {
      ids.push_back(*whole);
      return;
    }
  }
  std::vector<Symbol> symbols = symbols_of(text);
  if (symbols.empty()) return;
  merge_all(symbols);
  for (int32_t i = 0; i != kNone; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace omnigen::tokenizer
