#include "validate/prompt_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "validate/render_plan.h"

namespace omnigen::validate {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names_of(const std::vector<PromptEntry>& entries) {
  std::vector<std::string> names;
  for (const PromptEntry& entry : entries) names.push_back(entry.short_name);
  return names;
}

PromptSources with_library(const std::string& json) {
  PromptSources sources;
  sources.user_library = json;
  return sources;
}

std::string prompts_error(const PromptSources& sources) {
  try {
    collect_prompts(sources);
  } catch (const util::ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(PromptList, OrderIsEmptyLibraryMain) {
  PromptSources sources = with_library(R"({"zebra": "z", "ant": "a"})");
  sources.primary = "A cat";
  const auto list = collect_prompts(sources);
  EXPECT_THAT(names_of(list.entries), ElementsAre("unconditional", "zebra", "ant", "validation"));
  EXPECT_EQ(list.entries[0].text, "");
  EXPECT_EQ(list.entries[3].text, "A cat");
  EXPECT_THAT(list.notices, ElementsAre(HasSubstr("validation_disable_unconditional")));
}

TEST(PromptList, QuickstartsLibraryIsRenderedAtEveryResolution) {
  PromptSources sources;
  sources.user_library =
      std::string(OMNIGEN_SOURCE_DIR) + "/tests/config/reference_run/user_prompt_library.json";
  sources.primary = "A photo-realistic image of a cat";
  const auto list = collect_prompts(sources);
  EXPECT_EQ(list.entries.size(), 15U + 2U);
  EXPECT_THAT(list.warnings, ElementsAre(HasSubstr("10 of 15 entries contain the placeholder")));
  ValidateOptions options;
  for (const PromptEntry& entry : list.entries)
    options.prompts.push_back({entry.short_name, "", {}, {}});
  options.resolutions = {{1024, 1024}, {1280, 768}};
  EXPECT_EQ(plan_items(options).size(), 2U * 17U);
}

TEST(PromptList, EachPartCanBeLeftOut) {
  PromptSources sources;
  sources.unconditional = false;
  sources.primary = "None";
  EXPECT_THAT(collect_prompts(sources).entries, IsEmpty());
}

TEST(PromptList, BuiltinSetComesBeforeTheUsers) {
  PromptSources sources = with_library(R"({"mine": "m"})");
  sources.builtin_library = true;
  const auto names = names_of(collect_prompts(sources).entries);
  EXPECT_EQ(names.front(), "unconditional");
  EXPECT_EQ(names.back(), "mine");
  EXPECT_EQ(names.size(), builtin_prompts().size() + 2);
}

TEST(PromptList, BuiltinSetHasFiftyDistinctPrompts) {
  std::set<std::string> names;
  std::set<std::string> texts;
  for (const PromptEntry& entry : builtin_prompts()) {
    names.insert(entry.short_name);
    texts.insert(entry.text);
    EXPECT_EQ(file_stem(entry.short_name), entry.short_name);
  }
  EXPECT_GE(names.size(), 50U);
  EXPECT_EQ(texts.size(), builtin_prompts().size());
}

TEST(PromptList, LibraryIsReadFromAFile) {
  const test::TempDir dir;
  io::write_atomically(dir / "library.json", R"({"b": "1", "a": "2", "": "skipped"})");
  const auto list = collect_prompts(with_library((dir / "library.json").string()));
  EXPECT_THAT(names_of(list.entries), ElementsAre("unconditional", "b", "a"));
}

TEST(PromptList, EntriesMayBeObjects) {
  const auto entries = parse_prompt_library(
      R"({"a": {"prompt": "p", "adapter_strength": 0.5, "seed": 9, "other": 1}, "b": {"caption": "c"},
          "c": {"tags": ["x", "y"]}, "d": {"tags": "t", "adapter_strength": null}})",
      "library.json");
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].text, "p");
  EXPECT_EQ(entries[0].adapter_strength, 0.5);
  EXPECT_EQ(entries[0].seed, 9U);
  EXPECT_FALSE(entries[1].seed.has_value());
  EXPECT_EQ(entries[1].text, "c");
  EXPECT_EQ(entries[2].text, "x, y");
  EXPECT_EQ(entries[3].text, "t");
  EXPECT_FALSE(entries[3].adapter_strength.has_value());
}

TEST(PromptList, DamagedLibraryNamesLineAndColumn) {
  const test::TempDir dir;
  io::write_atomically(dir / "library.json", "{\n  \"a\": \"1\",\n}\n");
  EXPECT_THAT(prompts_error(with_library((dir / "library.json").string())),
              AllOf(HasSubstr("library.json"), HasSubstr("line 3, column 1")));
}

TEST(PromptList, MissingLibraryIsAConfigError) {
  EXPECT_THAT(
      prompts_error(with_library("/nowhere/library.json")),
      AllOf(HasSubstr("user_prompt_library not found"), HasSubstr("/nowhere/library.json")));
}

TEST(PromptList, EntriesWithoutTextAreRejected) {
  for (const char* value : {"7", "\"\"", "{}", "{\"prompt\": 3}", "[1]", "null"}) {
    EXPECT_THAT(prompts_error(with_library(std::string("{\"name\": ") + value + "}")),
                HasSubstr("\"name\" has no text"))
        << value;
  }
  EXPECT_THAT(prompts_error(with_library(R"({"n": {"prompt": "p", "seed": -1}})")),
              HasSubstr("seed is -1, expected a whole number"));
  EXPECT_THAT(prompts_error(with_library(R"({"n": {"prompt": "p", "adapter_strength": "1"}})")),
              HasSubstr("adapter_strength"));
}

TEST(PromptList, NamesMustBeDistinct) {
  EXPECT_THAT(prompts_error(with_library(R"({"a": "1", "a": "2"})")),
              HasSubstr("\"a\" is there twice"));
  EXPECT_THAT(prompts_error(with_library(R"({"unconditional": "1"})")),
              HasSubstr("\"unconditional\""));
  EXPECT_THAT(prompts_error(with_library(R"({"a/b": "1", "a_b": "2"})")),
              HasSubstr("\"a/b\" and \"a_b\" give the same files"));
  PromptSources sources = with_library(R"({"validation": "1"})");
  sources.primary = "A cat";
  EXPECT_THAT(prompts_error(sources), HasSubstr("\"validation\""));
}

TEST(PromptList, PlaceholderIsReplacedInNamesAndTexts) {
  PromptSources sources =
      with_library(R"({"anime_<token>": "portrait of <token>, <token> smiles"})");
  sources.library_token = "red panda";
  const auto list = collect_prompts(sources);
  EXPECT_EQ(list.entries[1].short_name, "anime_red_panda");
  EXPECT_EQ(list.entries[1].text, "portrait of red panda, red panda smiles");
  EXPECT_THAT(list.warnings, IsEmpty());
}

TEST(PromptList, PlaceholderLeftIsAWarning) {
  PromptSources sources = with_library(R"({"anime_<token>": "p", "b": "of <token>", "c": "c"})");
  sources.instance_prompt = "a photo of sks";
  const auto list = collect_prompts(sources);
  EXPECT_EQ(list.entries[1].short_name, "anime_<token>");
  EXPECT_THAT(list.warnings,
              ElementsAre("user_prompt_library: 2 of 3 entries contain the placeholder <token>; "
                          "replace it, or set prompt_library_token \"a photo of sks\" [M26]"));
}

// One id per character, 19 for the template.
std::vector<int64_t> count_characters(const std::string& text) {
  return std::vector<int64_t>(text.size() + 19);
}

TEST(PromptList, EncodingKeepsOrderAndWarnsOfLength) {
  std::vector<std::string> warnings;
  const auto prompts = encode_prompts(
      {{"short", std::string(122, 'x'), 0.5}, {"long", std::string(123, 'x'), std::nullopt}},
      count_characters, warnings);
  EXPECT_EQ(prompts[0].input_ids.size(), 141U);
  EXPECT_EQ(prompts[0].adapter_strength, 0.5);
  EXPECT_THAT(warnings, ElementsAre(AllOf(HasSubstr("\"long\""), HasSubstr("123 tokens"))));
}

TEST(FileStem, ReplacesWhatFilesCannotHave) {
  EXPECT_EQ(file_stem(std::string("a/b\\c\0d\ne", 9)), "a_b_c_d_e");
  EXPECT_EQ(file_stem("anime_<token>"), "anime_<token>");
}

TEST(FileStem, IsCutBetweenCharacters) {
  EXPECT_EQ(file_stem(std::string(200, 'x')).size(), 120U);
  std::string name(119, 'x');
  const std::string kept = name;
  name.append("üü");
  EXPECT_EQ(file_stem(name), kept);
}

}  // namespace
}  // namespace omnigen::validate
