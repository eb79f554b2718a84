#include "cache/caption_tokens.h"

#include <fmt/format.h>

#include "cache/ordered_pool.h"
#include "tokenizer/prompt_template.h"
#include "util/error.h"
#include "util/hash.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kAhead = 256;

std::vector<int32_t> prompt_ids(const tokenizer::Tokenizer& tokenizer, std::string_view prompt) {
  const auto ids = tokenizer::encode_prompt(tokenizer, prompt).ids;
  return {ids.begin(), ids.end()};
}

std::vector<io::CaptionTokens> tokenise_one(const CaptionedImage& image,
                                            const tokenizer::Tokenizer& tokenizer,
                                            int64_t max_input_tokens) {
  std::vector<io::CaptionTokens> variants;
  for (const std::string& caption : image.captions) {
    io::CaptionTokens variant{caption, {}};
    try {
      variant.ids = prompt_ids(tokenizer, caption);
    } catch (const util::DataError& error) {
      throw util::DataError(
          fmt::format("caption of {}: {}", data::printable_path(image.path), error.what()));
    }
    if (max_input_tokens > 0 && std::ssize(variant.ids) > max_input_tokens) {
      throw util::DataError(fmt::format(
          "caption of {}: {} tokens with its template, max_input_tokens allows {}; shorten the "
          "caption or raise the limit",
          data::printable_path(image.path), variant.ids.size(), max_input_tokens));
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

}  // namespace

std::vector<CaptionedImage> collect_captions(const std::string& dataset_id,
                                             const data::CaptionSettings& settings,
                                             const fs::path& folder,
                                             const std::vector<std::string>& paths,
                                             int64_t num_threads) {
  if (settings.strategy == data::CaptionStrategy::kTextfile &&
      settings.missing == data::MissingCaption::kError) {
    data::require_no_missing_captions(dataset_id, data::missing_caption_files(folder, paths));
  }
  OrderedPool<std::vector<std::string>> pool(
      std::ssize(paths),
      [&](int64_t i) { return data::captions_of(settings, folder, paths[static_cast<size_t>(i)]); },
      num_threads, kAhead);
  std::vector<CaptionedImage> images;
  for (const std::string& path : paths) {
    std::vector<std::string> captions = pool.next();
    if (!captions.empty()) images.push_back({path, std::move(captions)});
  }
  return images;
}

std::string captions_digest(const std::vector<CaptionedImage>& images,
                            const data::Fingerprints& fingerprints) {
  util::Sha256 hash;
  const auto add = [&](std::string_view text) {
    hash.update(fmt::format("{}:", text.size())).update(text);
  };
  add(fingerprints.text.sha256);
  add(fingerprints.caption.sha256);
  for (const CaptionedImage& image : images) {
    add(image.path);
    add(std::to_string(image.captions.size()));
    for (const std::string& caption : image.captions) add(caption);
  }
  return hash.hex();
}

io::TokenTable tokenise(const std::vector<CaptionedImage>& images,
                        const tokenizer::Tokenizer& tokenizer, const TokenLimits& limits) {
  io::TokenTable table;
  table.dropped_empty = prompt_ids(tokenizer, data::dropped_caption("empty"));
  table.dropped_cfg = prompt_ids(tokenizer, data::dropped_caption("cfg"));
  OrderedPool<std::vector<io::CaptionTokens>> pool(
      std::ssize(images),
      [&](int64_t i) {
        return tokenise_one(images[static_cast<size_t>(i)], tokenizer, limits.max_input_tokens);
      },
      limits.num_threads, kAhead);
  for (const CaptionedImage& image : images) table.add(image.path, pool.next());
  return table;
}

}  // namespace omnigen::cache
