#include "data/caption.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "tokenizer/prompt_template.h"
#include "tokenizer/utf8.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kShownPaths = 10;

void require_utf8(const std::string& text, const std::string& name, std::string_view remedy) {
  const std::optional<size_t> invalid = tokenizer::first_invalid_utf8(text);
  if (!invalid) return;
  throw util::DataError(fmt::format("{}: not UTF-8: byte 0x{:02x} at offset {}; {}", name,
                                    static_cast<uint8_t>(text[*invalid]), *invalid, remedy));
}

// Bytes that are not UTF-8 shown as \xNN, so that a message is text.
std::string printable(const std::string& text) {
  std::string out;
  for (size_t offset = 0; offset < text.size();) {
    const size_t num_bytes = tokenizer::utf8_char_at(text, offset).num_bytes;
    if (num_bytes == 0) {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[offset++]));
    } else {
      out += text.substr(offset, num_bytes);
      offset += num_bytes;
    }
  }
  return out;
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// Without the last suffix; a name that is only a suffix (".png") is kept.
std::string stem_of(const std::string& name) {
  const size_t dot = name.rfind('.');
  const bool has_suffix = dot != std::string::npos && name.find_first_not_of('.') < dot;
  return has_suffix ? name.substr(0, dot) : name;
}

std::string without_carriage_returns(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const bool before_newline = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (!before_newline) out += text[i];
  }
  return out;
}

std::vector<std::string> trimmed_prompts(const std::vector<std::string>& prompts) {
  std::vector<std::string> trimmed;
  for (const std::string& prompt : prompts) trimmed.emplace_back(tokenizer::trim(prompt));
  return trimmed;
}

std::optional<std::string> read_caption_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

std::vector<std::string> textfile_captions(const CaptionSettings& settings, const fs::path& folder,
                                           const std::string& path) {
  const fs::path file = folder / caption_file_of(path);
  if (const std::optional<std::string> text = read_caption_file(file)) {
    return text_variants(*text, settings.disable_multiline_split, file.string());
  }
  switch (settings.missing) {
    case MissingCaption::kFilename:
      return {filename_caption(path)};
    case MissingCaption::kEmpty:
      return {""};
    case MissingCaption::kSkip:
      return {};
    case MissingCaption::kError:
      break;
  }
  throw util::DataError(fmt::format(
      "image {}: caption_strategy textfile needs {}, which cannot be opened", path, file.string()));
}

std::vector<std::string> shuffled(const CaptionShuffle& shuffle,
                                  const std::vector<std::string>& captions) {
  if (!shuffle.enable || captions.empty()) return captions;
  std::vector<std::string> all;
  for (const std::string& caption : captions) {
    for (std::string& variant : shuffled_captions(shuffle, caption)) {
      all.push_back(std::move(variant));
    }
  }
  if (all.empty()) all.emplace_back();  // the empty caption
  return all;
}

std::vector<std::string> with_prompts(const CaptionSettings& settings,
                                      std::vector<std::string> captions) {
  if (!settings.prepend_instance_prompt) return captions;
  std::vector<std::string> prepended;
  for (const std::string& caption : captions) {
    for (const std::string& prompt : settings.instance_prompts) {
      prepended.push_back(prompt + " " + caption);
    }
  }
  return prepended;
}

std::vector<std::string> unique(const std::vector<std::string>& captions) {
  std::vector<std::string> kept;
  for (const std::string& caption : captions) {
    if (std::find(kept.begin(), kept.end(), caption) == kept.end()) kept.push_back(caption);
  }
  return kept;
}

template <class Value>
Value look_up(const std::map<std::string_view, Value>& values, std::string_view key,
              std::string_view name) {
  const auto found = values.find(name);
  if (found != values.end()) return found->second;
  std::string known;
  for (const auto& [text, value] : values) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", text);
  }
  throw util::ConfigError(fmt::format("{} \"{}\" is unknown; use one of {}", key, name, known));
}

}  // namespace

CaptionStrategy caption_strategy(std::string_view name) {
  static const std::map<std::string_view, CaptionStrategy> kNames = {
      {"filename", CaptionStrategy::kFilename},
      {"textfile", CaptionStrategy::kTextfile},
      {"instanceprompt", CaptionStrategy::kInstancePrompt},
      {"instance_prompt", CaptionStrategy::kInstancePrompt}};
  return look_up(kNames, "caption_strategy", name);
}

MissingCaption missing_caption_policy(std::string_view name) {
  static const std::map<std::string_view, MissingCaption> kNames = {
      {"error", MissingCaption::kError},
      {"filename", MissingCaption::kFilename},
      {"empty", MissingCaption::kEmpty},
      {"skip", MissingCaption::kSkip}};
  return look_up(kNames, "the action for a missing caption", name);
}

void check_caption_settings(const std::string& dataset_id, const CaptionSettings& settings) {
  const auto require = [&](bool fine, const std::string& message) {
    if (!fine) throw util::ConfigError(fmt::format("data set \"{}\": {}", dataset_id, message));
  };
  const bool needs_prompt = settings.strategy == CaptionStrategy::kInstancePrompt ||
                            settings.only_instance_prompt || settings.prepend_instance_prompt;
  const auto& prompts = settings.instance_prompts;
  const bool has_prompt =
      !prompts.empty() && std::none_of(prompts.begin(), prompts.end(), [](const std::string& text) {
        return tokenizer::trim(text).empty();
      });
  require(!needs_prompt || has_prompt,
          fmt::format("instance_prompt is missing or empty, and {} needs it",
                      settings.strategy == CaptionStrategy::kInstancePrompt
                          ? "caption_strategy instanceprompt"
                      : settings.only_instance_prompt ? "only_instance_prompt"
                                                      : "prepend_instance_prompt"));
  const CaptionShuffle& shuffle = settings.shuffle;
  require(
      shuffle.split_on == "comma" || shuffle.split_on == "space" || shuffle.split_on == "period",
      fmt::format("caption_shuffle.split_on \"{}\" is unknown; use comma, space or period",
                  shuffle.split_on));
  require(shuffle.count >= 1, fmt::format("caption_shuffle.count {} is below 1", shuffle.count));
  require(shuffle.position_start >= 0,
          fmt::format("caption_shuffle.position_start {} is negative", shuffle.position_start));
}

std::vector<std::string> captions_of(const CaptionSettings& settings, const fs::path& folder,
                                     const std::string& path) {
  if (settings.strategy == CaptionStrategy::kInstancePrompt || settings.only_instance_prompt) {
    return unique(trimmed_prompts(settings.instance_prompts));
  }
  std::vector<std::string> captions = settings.strategy == CaptionStrategy::kFilename
                                          ? std::vector{filename_caption(path)}
                                          : textfile_captions(settings, folder, path);
  captions = shuffled(settings.shuffle, captions);
  for (std::string& caption : captions) caption = settings.filter.apply(caption);
  return unique(with_prompts(settings, std::move(captions)));
}

std::vector<std::string> text_variants(const std::string& text, bool disable_multiline_split,
                                       const std::string& name) {
  require_utf8(text, name, "save the caption as UTF-8");
  std::string clean =
      without_carriage_returns(text.starts_with(kByteOrderMark) ? text.substr(3) : text);
  if (disable_multiline_split) return {std::string(tokenizer::trim(clean))};
  std::vector<std::string> variants;
  std::istringstream lines(clean);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view trimmed = tokenizer::trim(line);
    if (!trimmed.empty()) variants.emplace_back(trimmed);
  }
  if (variants.empty()) variants.emplace_back();  // the empty caption
  return variants;
}

std::string filename_caption(const std::string& path) {
  require_utf8(path, fmt::format("file name {}", printable(path)),
               "rename the file, or use caption_strategy textfile");
  std::string caption = stem_of(base_name(path));
  std::replace(caption.begin(), caption.end(), '_', ' ');
  return caption;
}

std::string caption_file_of(const std::string& path) {
  const std::string name = base_name(path);
  return path.substr(0, path.size() - name.size()) + stem_of(name) + ".txt";
}

std::vector<std::string> missing_caption_files(const fs::path& folder,
                                               const std::vector<std::string>& paths) {
  std::vector<std::string> missing;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!fs::exists(folder / caption_file_of(path), ignored)) missing.push_back(path);
  }
  return missing;
}

void require_no_missing_captions(const std::string& dataset_id,
                                 const std::vector<std::string>& missing) {
  if (missing.empty()) return;
  std::string shown;
  for (size_t i = 0; i < std::min(missing.size(), kShownPaths); ++i) {
    shown += "\n  " + printable(missing[i]);
  }
  throw util::DataError(fmt::format(
      "data set \"{}\": {} {} no .txt beside {}, which caption_strategy textfile needs. Write the "
      "captions, or use caption_strategy filename{}{}",
      dataset_id, missing.size(), missing.size() == 1 ? "image has" : "images have",
      missing.size() == 1 ? "it" : "them", shown, missing.size() > kShownPaths ? "\n  …" : ""));
}

std::vector<std::pair<std::string, std::string>> shared_caption_files(
    const std::vector<std::string>& paths) {
  std::map<std::string, std::string> first_with;
  std::vector<std::pair<std::string, std::string>> shared;
  for (const std::string& path : paths) {
    const auto [entry, added] = first_with.emplace(caption_file_of(path), path);
    if (!added) shared.emplace_back(entry->second, path);
  }
  return shared;
}

std::string dropped_caption(std::string_view style) {
  static const std::map<std::string_view, std::string> kStyles = {
      {"empty", ""}, {"cfg", std::string(tokenizer::kDroppedConditionPrompt)}};
  return look_up(kStyles, "caption_dropout_style", style);
}

}  // namespace omnigen::data
