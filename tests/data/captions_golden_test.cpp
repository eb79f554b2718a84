#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "data/caption.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "tokenizer/utf8.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

using nlohmann::json;

std::vector<json> rows_with(const std::string& key) {
  const json file = test::read_json(test::golden_dir() / "data/captions.json");
  std::vector<json> rows;
  for (const json& row : file.at("rows")) {
    if (row.contains(key)) rows.push_back(row);
  }
  EXPECT_FALSE(rows.empty()) << key;
  return rows;
}

std::vector<std::string> texts(const json& value) {
  if (value.is_array()) return value.get<std::vector<std::string>>();
  if (value.is_string()) return {value.get<std::string>()};
  return {};
}

std::string raw_text(const json& text) {
  if (!text.is_object()) return text.get<std::string>();
  const std::string hex = text.at("hex");
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

CaptionSettings settings_of(const json& row) {
  CaptionSettings settings;
  settings.strategy = caption_strategy(row.at("strategy").get<std::string>());
  if (row.contains("instance_prompt")) settings.instance_prompts = texts(row.at("instance_prompt"));
  settings.only_instance_prompt = !row.value("use_captions", true);
  settings.prepend_instance_prompt = row.value("prepend_instance_prompt", false);
  settings.disable_multiline_split = row.value("disable_multiline_split", false);
  if (row.contains("caption_shuffle")) {
    const json& shuffle = row.at("caption_shuffle");
    settings.shuffle = {.enable = shuffle.at("enable"),
                        .count = shuffle.at("count"),
                        .seed = shuffle.at("seed"),
                        .split_on = shuffle.value("split_on", "comma"),
                        .position_start = shuffle.value("position_start", int64_t{0}),
                        .include_original = shuffle.value("include_original", true)};
  }
  return settings;
}

// Captions of a row, with its text file written beside the image.
std::vector<std::string> captions_of_row(const json& row) {
  const test::TempDir dir;
  const CaptionSettings settings = settings_of(row);
  check_caption_settings("golden", settings);
  const std::string path = row.value("path", "images/cat.png");
  if (row.contains("text") && !row.at("text").is_null()) {
    std::filesystem::create_directories(dir / "images");
    std::ofstream(dir / "images/cat.txt", std::ios::binary) << raw_text(row.at("text"));
  }
  return captions_of(settings, dir.path(), path);
}

// A row's caption, or nothing where it is refused.
std::vector<std::string> captions_or_nothing(const json& row) {
  try {
    return captions_of_row(row);
  } catch (const util::Error&) {
    return {};
  }
}

TEST(CaptionsGolden, StrategiesGiveTheReferencesCaptions) {
  int num_compared = 0;
  for (const json& row : rows_with("strategy")) {
    if (row.contains("caption_shuffle")) continue;
    SCOPED_TRACE(row.dump());
    // Text files follow our own rules; whatever the reference refuses or gives up is refused.
    const json& expected =
        row.contains("ours") ? row.at("ours") : row.at("st").value("caption", json());
    EXPECT_EQ(captions_or_nothing(row), texts(expected));
    ++num_compared;
  }
  EXPECT_GT(num_compared, 0);
  std::printf("%d rows\n", num_compared);
}

std::vector<std::string> parts_of(std::string_view caption, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= caption.size();) {
    const size_t end = std::min(caption.find(separator, begin), caption.size());
    const auto part = tokenizer::trim(caption.substr(begin, end - begin));
    if (!part.empty()) parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

// Without the instance prompt, which both put in front.
std::vector<std::string> bare(const json& row, std::vector<std::string> captions) {
  if (!row.value("prepend_instance_prompt", false)) return captions;
  const std::string prompt = row.at("instance_prompt").get<std::string>() + " ";
  for (std::string& caption : captions) {
    EXPECT_TRUE(caption.starts_with(prompt)) << caption;
    caption.erase(0, prompt.size());
  }
  return captions;
}

// The reference draws with Python's generator, so its own orders cannot be expected; what they are
// orders of, how many there may be and what stays in front can.
void expect_shuffles(const json& row, const std::vector<std::string>& actual,
                     const std::vector<std::string>& reference) {
  const json& shuffle = row.at("caption_shuffle");
  const bool with_original = shuffle.value("include_original", true);
  const std::string split_on = shuffle.value("split_on", "comma");
  const char separator = split_on == "comma" ? ',' : split_on == "period" ? '.' : ' ';
  ASSERT_FALSE(actual.empty());
  if (reference.size() == 1 || with_original) {
    EXPECT_EQ(actual.at(0), std::string(tokenizer::trim(reference.at(0))));
  }
  if (reference.size() == 1) {
    EXPECT_EQ(actual.size(), 1U);
  }
  EXPECT_LE(actual.size(), shuffle.at("count").get<size_t>() + (with_original ? 1 : 0));
  const auto num_fixed = shuffle.value("position_start", size_t{0});
  const std::vector<std::string> expected = parts_of(reference.back(), separator);
  for (const std::string& caption : actual) {
    const std::vector<std::string> parts = parts_of(caption, separator);
    EXPECT_TRUE(std::is_permutation(parts.begin(), parts.end(), expected.begin(), expected.end()))
        << caption;
    for (size_t i = 0; i < std::min(num_fixed, parts.size()); ++i) {
      EXPECT_EQ(parts.at(i), expected.at(i));
    }
  }
}

TEST(CaptionsGolden, ShufflesKeepThePartsOfTheReference) {
  for (const json& row : rows_with("caption_shuffle")) {
    SCOPED_TRACE(row.dump());
    expect_shuffles(row, bare(row, captions_of_row(row)),
                    bare(row, texts(row.at("st").at("caption"))));
  }
}

TEST(CaptionsGolden, FiltersCutWhatTheReferenceCuts) {
  const auto is_closed_form = [](const std::string& entry) {
    return entry.starts_with("s/") && entry.ends_with("/");  // replaces with us (spec 6.5)
  };
  int num_compared = 0;
  for (const json& row : rows_with("caption_filter_list")) {
    SCOPED_TRACE(row.dump());
    const auto entries = row.at("caption_filter_list").get<std::vector<std::string>>();
    if (std::any_of(entries.begin(), entries.end(), is_closed_form)) continue;
    try {
      EXPECT_EQ(CaptionFilter(entries).apply(row.at("text")), row.at("st").at("caption"));
      ++num_compared;
    } catch (const util::ConfigError& error) {  // no regular expression: an error with us
      EXPECT_NE(std::string(error.what()).find("not a regular expression"), std::string::npos);
    }
  }
  EXPECT_GT(num_compared, 0);
}

}  // namespace
}  // namespace omnigen::data
