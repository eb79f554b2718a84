// Which prompts are rendered, in which order: the empty one, the built-in set, the user's library,
// the main prompt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace omnigen::validate {

inline constexpr const char* kUnconditional = "unconditional";  // short name of the empty prompt

struct PromptEntry {
  std::string short_name;  // in file names and tags
  std::string text;
  std::optional<double> adapter_strength = {};  // instead of validation_lycoris_strength
  std::optional<uint64_t> seed = {};  // instead of validation_seed and validation_randomize
};

struct PromptSources {
  bool unconditional = true;
  bool builtin_library = false;
  std::string user_library;     // path of a JSON object, or that object itself; empty: none
  std::string library_token;    // replaces <token> in names and texts; empty: nothing is replaced
  std::string instance_prompt;  // suggested where <token> is left; empty: no suggestion
  std::string primary;          // validation_prompt; empty or "None": none
};

struct PromptList {
  std::vector<PromptEntry> entries;
  std::vector<std::string> notices;
  std::vector<std::string> warnings;
};

// Errors: ConfigError when the library is missing, not JSON (line and column), has an entry without
// text, or two entries share a short name.
PromptList collect_prompts(const PromptSources& sources);

// Entries of a library in the order of the file.
std::vector<PromptEntry> parse_prompt_library(const std::string& json, const std::string& where);

// This program's own general prompts.
std::vector<PromptEntry> builtin_prompts();

// A prompt with its ids, as the sampler takes it.
struct ValidationPrompt {
  std::string short_name;
  std::string text;
  std::vector<int64_t> input_ids;  // of the templated prompt
  std::optional<double> adapter_strength = {};
  std::optional<uint64_t> seed = {};
};
using PromptEncoder = std::function<std::vector<int64_t>(const std::string& text)>;

// Also warns of prompts longer than the length that the model follows well.
std::vector<ValidationPrompt> encode_prompts(const std::vector<PromptEntry>& entries,
                                             const PromptEncoder& encode,
                                             std::vector<std::string>& warnings);

// A short name as it goes into file names: no separators or control characters, at most 120 bytes.
std::string file_stem(const std::string& short_name);

}  // namespace omnigen::validate
