#include "data/caption_shuffle.h"

#include <algorithm>
#include <span>

#include "tokenizer/utf8.h"
#include "util/seed_stream.h"

namespace omnigen::data {
namespace {

char separator_of(const std::string& split_on) {
  return split_on == "comma" ? ',' : split_on == "period" ? '.' : ' ';
}

std::vector<std::string> trimmed_parts(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    const std::string_view part = tokenizer::trim(text.substr(begin, end - begin));
    if (!part.empty()) parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts, char separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) {
      if (separator != ' ') text += separator;
      text += ' ';
    }
    text += part;
  }
  return text;
}

}  // namespace

std::vector<std::string> shuffled_captions(const CaptionShuffle& shuffle,
                                           std::string_view caption) {
  const std::string original(tokenizer::trim(caption));
  if (original.empty()) return {};
  const char separator = separator_of(shuffle.split_on);
  const std::vector<std::string> parts = trimmed_parts(original, separator);
  if (std::ssize(parts) - shuffle.position_start <= 1) return {original};
  std::vector<std::string> variants;
  if (shuffle.include_original) variants.push_back(original);
  for (int64_t i = 0; i < shuffle.count; ++i) {
    // Keyed by the text: equal captions shuffle alike, wherever they stand.
    util::SeedStream stream(shuffle.seed, "caption shuffle", {original}, static_cast<uint64_t>(i));
    std::vector<std::string> order = parts;
    stream.shuffle(std::span(order).subspan(static_cast<size_t>(shuffle.position_start)));
    variants.push_back(joined(order, separator));
  }
  return variants;
}

}  // namespace omnigen::data
