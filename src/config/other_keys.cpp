#include "config/other_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/text.h"
#include "config/value.h"

namespace omnigen::config {
namespace {

struct Ignored {
  const char* pattern;
  const char* neutral;
};
struct Refused {
  const char* pattern;
  const char* neutral;
  const char* id;
  const char* advice;
};

const std::vector<Ignored>& ignored_table() {
  static const std::vector<Ignored> table = {
#define OMNIGEN_IGNORED(name, neutral) {name, neutral},
#define OMNIGEN_REFUSED(name, neutral, id, advice)
#include "config/schema_other.def"
  };
  return table;
}

const std::vector<Refused>& refused_table() {
  static const std::vector<Refused> table = {
#define OMNIGEN_IGNORED(name, neutral)
#define OMNIGEN_REFUSED(name, neutral, id, advice) {name, neutral, id, advice},
#include "config/schema_other.def"
  };
  return table;
}

// Tokens do not belong in a file that is copied into every checkpoint.
const std::vector<std::string> kSecrets = {"hub_token", "hf_token", "wandb_api_key", "wandb_token",
                                           "huggingface_token"};

const std::map<std::string, std::string> kHints = {
    {"TRAINER_EXTRA_ARGS",
     "it belongs to SimpleTuner's env files; put the options in it as separate keys"},
    {"validation_on_step", "did you mean \"validation_steps\"?"},
    {"eval_steps", "did you mean \"eval_steps_interval\"?"}};

bool matches(std::string_view pattern, const std::string& key) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == key;
  return starts_with(key, pattern.substr(0, star));
}

// A value that asks for nothing: false, zero, empty, "none", or one of the listed.
bool is_neutral(const Json& value, const std::string& neutral) {
  if (is_unset(value)) return true;
  if (value.is_object() || value.is_array()) return value.empty();
  std::string text;
  assign(value, &text);
  if (lower(text) == "none" || boolean_word(text) == std::optional(false)) return true;
  double number = 1;
  if (assign(value, &number).empty() && number == 0) return true;
  const std::vector<std::string> words = split_words(neutral, " ");
  return std::find(words.begin(), words.end(), text) != words.end();
}

void check_values(const std::string& key, const Json& value, Messages* messages) {
  double portion = 0;
  if (key == "timestep_bias_portion" && !is_unset(value) &&
      (!assign(value, &portion).empty() || portion < 0 || portion > 1)) {
    messages->error(key, fmt::format("{} is not between 0 and 1", quoted(value)), "C17");
  }
}

void note_ignored(const std::string& key, Messages* messages) {
  if (starts_with(key, "flow_")) {
    messages->warn(
        key,
        fmt::format("OmniGen training uses its own timestep distribution; {} has no effect "
                    "(validation_flow_shift sets the sampler's)",
                    key),
        "M72");
  } else {
    messages->ignored(key);
  }
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& renamed_keys() {
  static const std::vector<std::pair<std::string, std::string>> keys = {
      {"validation_steps", "validation_step_interval"},
      {"checkpointing_steps", "checkpoint_step_interval"},
      {"save_total_limit", "checkpoints_total_limit"},
      {"vae_cache_preprocess", "vae_cache_ondemand"},
      {"lr", "learning_rate"}};
  return keys;
}

std::string canonical_key(const std::string& written, Json* value) {
  std::string key = written;
  key.erase(0, std::min(key.find_first_not_of('-'), key.size()));
  key = replace_all(key, "-", "_");
  if (key == "vae_cache_preprocess" && !is_unset(*value)) {
    bool preprocess = true;
    if (assign(*value, &preprocess).empty()) *value = !preprocess;
  }
  for (const auto& [old_name, new_name] : renamed_keys()) {
    if (key == old_name) return new_name;
  }
  return key;
}

bool is_comment_key(const std::string& written) {
  return !written.empty() && (written.front() == '_' || written.front() == '/');
}

bool take_other_key(const std::string& key, const Json& value, Messages* messages) {
  if (std::find(kSecrets.begin(), kSecrets.end(), key) != kSecrets.end()) {
    messages->warn(key, "do not keep tokens in config.json; use HF_TOKEN. The value is not used",
                   "M75");
    return true;
  }
  for (const Refused& entry : refused_table()) {
    if (!matches(entry.pattern, key)) continue;
    if (!is_neutral(value, entry.neutral)) {
      messages->not_acting(key,
                           fmt::format("{} does not act in omnigen-dist. What to do: {}",
                                       quoted(value), entry.advice),
                           entry.id, true);
    }
    return true;
  }
  for (const Ignored& entry : ignored_table()) {
    if (!matches(entry.pattern, key)) continue;
    check_values(key, value, messages);
    if (!is_neutral(value, entry.neutral)) note_ignored(key, messages);
    return true;
  }
  return false;
}

std::vector<std::string> ignored_keys() {
  std::vector<std::string> names;
  for (const Ignored& entry : ignored_table()) names.emplace_back(entry.pattern);
  return names;
}

std::vector<std::string> refused_keys() {
  std::vector<std::string> names;
  for (const Refused& entry : refused_table()) names.emplace_back(entry.pattern);
  return names;
}

std::string unknown_key_text(const std::string& written, const std::vector<std::string>& known) {
  Json ignored;
  const std::string key = canonical_key(written, &ignored);
  std::string text = fmt::format("unknown option \"{}\"", key);
  if (const auto hint = kHints.find(key); hint != kHints.end()) return text + "; " + hint->second;
  std::vector<std::string> names = known;
  for (const auto& [old_name, new_name] : renamed_keys()) names.push_back(old_name);
  for (const auto& list : {refused_keys(), ignored_keys()})
    names.insert(names.end(), list.begin(), list.end());
  const std::string near = nearest(key, names);
  if (!near.empty()) return text + fmt::format("; did you mean \"{}\"?", near);
  if (lower(key) != key) {
    const std::string lowered = nearest(lower(key), names);
    if (!lowered.empty()) return text + fmt::format("; did you mean \"{}\"?", lowered);
  }
  return text +
         ". docs/config.md and --help list all keys; allow_unknown_options makes this a warning";
}

}  // namespace omnigen::config
