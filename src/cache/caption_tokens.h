// The captions of a data set and their token ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/cache_index.h"
#include "data/caption.h"
#include "io/token_table.h"
#include "tokenizer/tokenizer.h"

namespace omnigen::cache {

struct CaptionedImage {
  std::string path;
  std::vector<std::string> captions;  // at least one
};

// Captions of all images that have one; `num_skipped` counts the others. `paths` is sorted.
// Errors: DataError listing images without a caption file, or naming a file that is not UTF-8.
std::vector<CaptionedImage> collect_captions(const std::string& dataset_id,
                                             const data::CaptionSettings& settings,
                                             const std::filesystem::path& folder,
                                             const std::vector<std::string>& paths,
                                             int64_t num_threads);

// Identifies captions and the way from them to token ids.
std::string captions_digest(const std::vector<CaptionedImage>& images,
                            const data::Fingerprints& fingerprints);

struct TokenLimits {
  int64_t max_input_tokens = 0;  // template included; 0: none
  int64_t num_threads = 1;
};

// Errors: DataError naming the image whose caption is too long or names input images.
io::TokenTable tokenise(const std::vector<CaptionedImage>& images,
                        const tokenizer::Tokenizer& tokenizer, const TokenLimits& limits);

}  // namespace omnigen::cache
