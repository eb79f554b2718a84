#include "tokenizer/prompt_template.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

constexpr std::string_view kBeforePrompt =
    "<|user|>\nGenerate an image according to the following instructions\n";
constexpr std::string_view kAfterPrompt = "<|end|>\n<|assistant|>\n<|diffusion|>";
constexpr std::string_view kTagBegin = "<|image_";
constexpr std::string_view kTagEnd = "|>";

// <|image_N|> at text[begin, end).
struct ImageTag {
  size_t begin = 0;
  size_t end = 0;
  int64_t number = 0;
};

std::optional<ImageTag> find_tag(std::string_view text, size_t from) {
  for (size_t begin = text.find(kTagBegin, from); begin != std::string_view::npos;
       begin = text.find(kTagBegin, begin + 1)) {
    const size_t digits = begin + kTagBegin.size();
    const size_t after = std::min(text.find_first_not_of("0123456789", digits), text.size());
    if (after == digits || !text.substr(after).starts_with(kTagEnd)) continue;
    int64_t number = 0;
    const auto parsed = std::from_chars(text.data() + digits, text.data() + after, number);
    if (parsed.ec != std::errc()) number = -1;  // too long to be an image of anybody
    return ImageTag{begin, after + kTagEnd.size(), number};
  }
  return std::nullopt;
}

std::vector<ImageTag> find_tags(std::string_view text) {
  std::vector<ImageTag> tags;
  for (auto tag = find_tag(text, 0); tag; tag = find_tag(text, tags.back().end)) {
    tags.push_back(*tag);
  }
  return tags;
}

void check_numbers(std::string_view prompt, const std::vector<ImageTag>& tags, int64_t num_images) {
  std::set<int64_t> found;
  for (const ImageTag& tag : tags) found.insert(tag.number);
  const bool complete = std::ssize(found) == num_images &&
                        (found.empty() || (*found.begin() == 1 && *found.rbegin() == num_images));
  if (complete) return;
  throw util::DataError(fmt::format(
      "prompt '{}': names the input images [{}] but {} given; number them from 1 without gaps and "
      "name each as <img><|image_1|></img>",
      prompt, fmt::join(found, ", "),
      num_images == 1 ? std::string("1 is") : fmt::format("{} are", num_images)));
}

void check_text_only(std::string_view prompt) {
  for (const ImageTag& tag : find_tags(prompt)) {
    if (!prompt.substr(0, tag.begin).ends_with("<img>") ||
        !prompt.substr(tag.end).starts_with("</img>")) {
      continue;
    }
    throw util::DataError(fmt::format(
        "prompt '{}': names input image {} but no input image is given; remove the tag or give "
        "the image",
        prompt, tag.number));
  }
}

void append_chunk(const Tokenizer& tokenizer, std::string_view chunk, std::vector<int64_t>& ids) {
  const std::vector<int64_t> chunk_ids = tokenizer.encode(chunk);
  const bool repeats_bos = !ids.empty() && !chunk_ids.empty() && tokenizer.bos_id() &&
                           chunk_ids.front() == *tokenizer.bos_id();
  ids.insert(ids.end(), chunk_ids.begin() + (repeats_bos ? 1 : 0), chunk_ids.end());
}

}  // namespace

std::string templated_prompt(std::string_view prompt) {
  return std::string(kBeforePrompt).append(prompt).append(kAfterPrompt);
}

PromptIds encode_prompt(const Tokenizer& tokenizer, std::string_view prompt,
                        std::span<const int64_t> image_tokens) {
  const std::string text = templated_prompt(prompt);
  if (image_tokens.empty()) {
    check_text_only(prompt);
    return {tokenizer.encode(text), {}};
  }
  const std::vector<ImageTag> tags = find_tags(text);
  check_numbers(prompt, tags, std::ssize(image_tokens));
  PromptIds out;
  size_t done = 0;
  for (const ImageTag& tag : tags) {
    append_chunk(tokenizer, std::string_view(text).substr(done, tag.begin - done), out.ids);
    const int64_t start = std::ssize(out.ids);
    const int64_t end = start + image_tokens[static_cast<size_t>(tag.number - 1)];
    out.ids.resize(static_cast<size_t>(end), 0);
    out.slots.push_back({start, end, tag.number});
    done = tag.end;
  }
  append_chunk(tokenizer, std::string_view(text).substr(done), out.ids);
  return out;
}

std::string image_guidance_prompt(int64_t num_images) {
  std::string prompt;
  for (int64_t number = 1; number <= num_images; ++number) {
    prompt += fmt::format("{}<img><|image_{}|></img>", prompt.empty() ? "" : " ", number);
  }
  return prompt;
}

}  // namespace omnigen::tokenizer
