#include "config/assign_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "config/field.h"
#include "config/other_keys.h"

namespace omnigen::config {
namespace {

// Rule and addition to the message of keys whose value is out of range, no word of the table, or
// does not act yet.
struct Rule {
  const char* id;
  const char* advice;
};

const std::map<std::string, Rule> kRules = {
    {"base_model_precision", {"10.2", ""}},
    {"lora_type", {"C25", ""}},
    {"lora_init_type", {"1.8", ""}},
    {"lr_scheduler", {"2.8", ""}},
    {"mixed_precision", {"C11", "Set bf16, or no for float32"}},
    {"model_family", {"M11", "omnigen-dist trains OmniGen only"}},
    {"model_type", {"1.4.1", "Set it to lora or full"}},
    {"optimizer", {"1.4.6", ""}},
    {"report_to", {"C33", ""}}};

Rule rule_of(const std::string& key) {
  const auto found = kRules.find(key);
  return found == kRules.end() ? Rule{"1.4", ""} : found->second;
}

std::string with_advice(const std::string& text, const Rule& rule) {
  if (*rule.advice == '\0') return text;
  return fmt::format("{}{} {}", text, text.back() == '?' ? "" : ".", rule.advice);
}

void report_idle(const Key& key, const std::string& word, Messages* messages) {
  const Rule rule = rule_of(key.name);
  if (key.check.is_harmless()) {
    messages->warn(
        key.name,
        fmt::format("{} is not available here; the run is logged in logs/metrics.jsonl", word),
        "M47");
    return;
  }
  const bool training_only = std::string(key.section) != "data";
  messages->not_acting(
      key.name,
      with_advice(fmt::format("\"{}\" is not available in omnigen-dist yet; available: {}", word,
                              fmt::join(key.check.words(), ", ")),
                  rule),
      rule.id, training_only);
}

// Of two keys an empty text says something: start afresh ("None" as well), and no negative prompt.
template <typename T>
void take_empty(const Key& key, const Json& value, T* field) {
  const std::string name = key.name;
  if constexpr (std::is_same_v<T, std::string>) {
    if (name == "resume_from_checkpoint" && value.is_string()) field->clear();
  }
  if constexpr (std::is_same_v<T, std::optional<std::string>>) {
    if (name == "validation_negative_prompt" && value == "") field->emplace();
  }
}

template <typename T>
void take(const Key& key, const Json& value, T* field, Messages* messages) {
  if (is_unset(value)) {
    take_empty(key, value, field);
    return;
  }
  const std::string problem = assign(value, field);
  if (!problem.empty()) {
    messages->error(key.name, problem, "M14");
    return;
  }
  const std::string wrong = check_field(key.check, field);
  if (!wrong.empty()) {
    const Rule rule = rule_of(key.name);
    messages->error(key.name, with_advice(wrong, rule), rule.id);
    return;
  }
  const std::string idle = idle_word(key.check, *field);
  if (!idle.empty()) report_idle(key, idle, messages);
}

}  // namespace

std::vector<std::string> key_names() {
  std::vector<std::string> names;
  Config config;
  visit_keys(config, [&](const Key& key, const auto&) { names.emplace_back(key.name); });
  return names;
}

std::vector<std::string> flag_names() {
  std::vector<std::string> names;
  Config config;
  visit_keys(config, [&](const Key& key, const auto& field) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, bool>) names.emplace_back(key.name);
  });
  return names;
}

void assign_keys(const Json& values, Config* config, Messages* messages) {
  const std::vector<std::string> known = key_names();
  visit_keys(*config, [&](const Key& key, auto& field) {
    const auto found = values.find(key.name);
    if (found != values.end()) take(key, *found, &field, messages);
  });
  for (const auto& [key, value] : values.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (take_other_key(key, value, messages)) continue;
    const std::string text = unknown_key_text(key, known);
    if (config->data.allow_unknown_options) {
      messages->warn(key, text, "M12");
    } else {
      messages->error("", text, "M12");
    }
  }
}

bool is_given(const Json& values, const std::string& key) {
  const auto found = values.find(key);
  return found != values.end() && !is_unset(*found);
}

}  // namespace omnigen::config
