#include "validate/prompt_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "io/atomic_file.h"
#include "util/error.h"

namespace omnigen::validate {
namespace {

constexpr std::string_view kToken = "<token>";
constexpr size_t kMaxPromptTokens = 122;
constexpr size_t kMaxStemBytes = 120;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// `tags` may be a list.
std::string text_of(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return "";
  std::string joined;
  for (const auto& item : value) {
    if (!item.is_string()) return "";
    joined += (joined.empty() ? "" : ", ") + item.get<std::string>();
  }
  return joined;
}

PromptEntry parse_entry(const std::string& name, const nlohmann::ordered_json& value,
                        const std::string& where) {
  PromptEntry entry = {name, value.is_object() ? "" : text_of(value)};
  if (value.is_object()) {
    for (const char* key : {"prompt", "caption", "tags"}) {
      if (entry.text.empty() && value.contains(key)) entry.text = text_of(value.at(key));
    }
    const auto refuse = [&](const char* key, const char* expected) {
      throw util::ConfigError(fmt::format("{}: \"{}\": {} is {}, expected {}", where, name, key,
                                          value.at(key).dump(), expected));
    };
    const auto given = [&](const char* key) {
      return value.contains(key) && !value.at(key).is_null();
    };
    if (given("adapter_strength")) {
      if (!value.at("adapter_strength").is_number()) refuse("adapter_strength", "a number");
      entry.adapter_strength = value.at("adapter_strength").get<double>();
    }
    if (given("seed")) {
      if (!value.at("seed").is_number_unsigned()) refuse("seed", "a whole number from 0 on");
      entry.seed = value.at("seed").get<uint64_t>();
    }
  }
  if (entry.text.empty()) {
    throw util::ConfigError(fmt::format(
        "{}: \"{}\" has no text; write a string, or an object with \"prompt\"", where, name));
  }
  return entry;
}

std::vector<PromptEntry> read_user_library(const std::string& source) {
  const size_t first = source.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && source[first] == '{') {
    return parse_prompt_library(source, "user_prompt_library");
  }
  try {
    return parse_prompt_library(io::read_file(source), source);
  } catch (const util::DataError& error) {
    throw util::ConfigError(fmt::format("user_prompt_library not found: {}", error.what()));
  }
}

// Replaces the placeholder, or warns of it. Nothing is replaced silently.
void resolve_token(std::vector<PromptEntry>& entries, const PromptSources& sources,
                   std::vector<std::string>& warnings) {
  if (!sources.library_token.empty()) {
    std::string name = sources.library_token;
    std::replace(name.begin(), name.end(), ' ', '_');
    for (PromptEntry& entry : entries) {
      replace_all(entry.short_name, kToken, name);
      replace_all(entry.text, kToken, sources.library_token);
    }
    return;
  }
  const auto left = std::count_if(entries.begin(), entries.end(), [](const PromptEntry& entry) {
    return entry.short_name.find(kToken) != std::string::npos ||
           entry.text.find(kToken) != std::string::npos;
  });
  if (left == 0) return;
  std::string warning = fmt::format(
      "user_prompt_library: {} of {} entries contain the placeholder <token>; replace it, or set "
      "prompt_library_token",
      left, entries.size());
  if (!sources.instance_prompt.empty()) warning += fmt::format(" \"{}\"", sources.instance_prompt);
  warnings.push_back(warning + " [M26]");
}

// Two names may also meet in the file system.
void require_unique(const std::vector<PromptEntry>& entries) {
  std::map<std::string, std::string> seen;
  for (const PromptEntry& entry : entries) {
    const auto [earlier, added] = seen.emplace(file_stem(entry.short_name), entry.short_name);
    if (added) continue;
    throw util::ConfigError(fmt::format(
        "validation prompts: the short names \"{}\" and \"{}\" give the same files; \"validation\" "
        "and \"unconditional\" are taken by the main and the empty prompt. Rename one in "
        "user_prompt_library",
        earlier->second, entry.short_name));
  }
}

}  // namespace

std::vector<PromptEntry> parse_prompt_library(const std::string& json, const std::string& where) {
  std::set<std::string> names;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event,
                         nlohmann::ordered_json& value) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1 &&
        !names.insert(value.get<std::string>()).second) {
      throw util::ConfigError(
          fmt::format("{}: \"{}\" is there twice", where, value.get<std::string>()));
    }
    return true;
  };
  nlohmann::ordered_json library;
  try {
    library = nlohmann::ordered_json::parse(json, check);
  } catch (const nlohmann::json::parse_error& error) {
    throw util::ConfigError(fmt::format("{}: not JSON: {}", where, error.what()));
  }
  if (!library.is_object()) {
    throw util::ConfigError(
        fmt::format("{}: expected one JSON object, short name to prompt", where));
  }
  std::vector<PromptEntry> entries;
  for (const auto& [name, value] : library.items()) {
    if (!name.empty()) entries.push_back(parse_entry(name, value, where));
  }
  return entries;
}

PromptList collect_prompts(const PromptSources& sources) {
  PromptList list;
  if (sources.unconditional) {
    list.entries.push_back({kUnconditional, "", std::nullopt});
    list.notices.push_back(
        "validation: \"unconditional\" is the empty prompt and shows no subject; "
        "validation_disable_unconditional leaves it out");
  }
  if (sources.builtin_library) {
    for (PromptEntry& entry : builtin_prompts()) list.entries.push_back(std::move(entry));
  }
  if (!sources.user_library.empty()) {
    std::vector<PromptEntry> entries = read_user_library(sources.user_library);
    resolve_token(entries, sources, list.warnings);
    for (PromptEntry& entry : entries) list.entries.push_back(std::move(entry));
  }
  if (!sources.primary.empty() && sources.primary != "None") {
    list.entries.push_back({"validation", sources.primary, std::nullopt});
  }
  require_unique(list.entries);
  return list;
}

std::vector<ValidationPrompt> encode_prompts(const std::vector<PromptEntry>& entries,
                                             const PromptEncoder& encode,
                                             std::vector<std::string>& warnings) {
  const size_t template_tokens = encode("").size();
  std::vector<ValidationPrompt> prompts;
  for (const PromptEntry& entry : entries) {
    prompts.push_back(
        {entry.short_name, entry.text, encode(entry.text), entry.adapter_strength, entry.seed});
    const size_t num_tokens = prompts.back().input_ids.size() - template_tokens;
    if (num_tokens > kMaxPromptTokens) {
      warnings.push_back(fmt::format(
          "validation prompt \"{}\" has {} tokens; OmniGen follows about {} of them [M27]",
          entry.short_name, num_tokens, kMaxPromptTokens));
    }
  }
  return prompts;
}

std::string file_stem(const std::string& short_name) {
  std::string stem = short_name;
  for (char& c : stem) {
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '_';
  }
  size_t size = std::min(stem.size(), kMaxStemBytes);
  while (size > 0 && size < stem.size() &&
         (static_cast<unsigned char>(stem[size]) & 0xC0) == 0x80) {
    --size;
  }
  stem.resize(size);
  return stem;
}

}  // namespace omnigen::validate
