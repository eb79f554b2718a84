// The captions of an image file: where they come from, and what is done to them before they are
// tokenised.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/caption_filter.h"
#include "data/caption_shuffle.h"

namespace omnigen::data {

enum class CaptionStrategy { kFilename, kTextfile, kInstancePrompt };
enum class MissingCaption { kError, kFilename, kEmpty, kSkip };

struct CaptionSettings {
  CaptionStrategy strategy = CaptionStrategy::kFilename;
  std::vector<std::string> instance_prompts = {};
  bool only_instance_prompt = false;
  bool prepend_instance_prompt = false;
  bool disable_multiline_split = false;
  MissingCaption missing = MissingCaption::kError;  // no .txt beside an image
  CaptionShuffle shuffle = {};
  CaptionFilter filter = {};
};

// "filename", "textfile", "instanceprompt" (or "instance_prompt"). Errors: ConfigError.
CaptionStrategy caption_strategy(std::string_view name);
// "error", "filename", "empty", "skip". Errors: ConfigError.
MissingCaption missing_caption_policy(std::string_view name);
// Errors: ConfigError naming the data set: no instance prompt where one is needed, bad shuffle.
void check_caption_settings(const std::string& dataset_id, const CaptionSettings& settings);

// Text variants of the image `path`, relative to `folder`: at least one, without repeats; nothing
// where the file is to be skipped. Order: strategy, variants, shuffle, filter, instance prompt.
// Errors: DataError: no .txt, not UTF-8 (with file and byte offset).
std::vector<std::string> captions_of(const CaptionSettings& settings,
                                     const std::filesystem::path& folder, const std::string& path);

// The variants in the text of a caption file. `name` is for messages. Errors: DataError (not
// UTF-8).
std::vector<std::string> text_variants(const std::string& text, bool disable_multiline_split,
                                       const std::string& name);
// The base name without suffix, underscores as spaces. Errors: DataError (not UTF-8).
std::string filename_caption(const std::string& path);

// Relative path of the .txt beside an image.
std::string caption_file_of(const std::string& path);
// Images without their .txt. Only where the strategy is textfile.
std::vector<std::string> missing_caption_files(const std::filesystem::path& folder,
                                               const std::vector<std::string>& paths);
// Errors: DataError with count and the first ten if `missing` is not empty (E24).
void require_no_missing_captions(const std::string& dataset_id,
                                 const std::vector<std::string>& missing);
// Images that read one .txt: a.jpg and a.png (E29). `paths` is sorted.
std::vector<std::pair<std::string, std::string>> shared_caption_files(
    const std::vector<std::string>& paths);

// What a dropped caption becomes: "" for style "empty", "<cfg>" for "cfg". Errors: ConfigError.
std::string dropped_caption(std::string_view style);

}  // namespace omnigen::data
