#include "config/configure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/configure_wizard.h"
#include "config/other_keys.h"
#include "config/schema.h"
#include "config/value.h"

namespace omnigen::config {
namespace {

// Keys by their canonical names, without comments.
Json canonical_keys(const Json& config) {
  Json result = Json::object();
  for (const auto& [written, given] : config.items()) {
    if (is_comment_key(written)) continue;
    Json value = given;
    const std::string key = canonical_key(written, &value);
    result[key] = std::move(value);
  }
  return result;
}

// 1024, and not 1024.0.
Json as_written(double number) {
  constexpr double kMost = 1e15;
  const bool whole = number == std::trunc(number) && std::abs(number) < kMost;
  return whole ? Json(static_cast<int64_t>(number)) : Json(number);
}

// Set without a question.
void set_fixed(Wizard& wizard) {
  Json& config = wizard.files.config;
  config["model_family"] = "omnigen";
  config["resume_from_checkpoint"] = wizard.fallback("resume_from_checkpoint", "latest");
  config["data_backend_config"] = (wizard.around.folder / "multidatabackend.json").string();
  config["aspect_bucket_rounding"] = 2;
  config["seed"] = 42;
  config["minimum_image_size"] = 0;
  config["disable_benchmark"] = false;
  config["gradient_checkpointing"] = true;
}

}  // namespace

std::string Wizard::fallback(const std::string& key, const std::string& usual) const {
  const auto found = earlier.find(key);
  if (found == earlier.end() || is_unset(*found)) return usual;
  std::string text;
  assign(*found, &text);
  return text;
}

bool Wizard::fallback_flag(const std::string& key, bool usual) const {
  return boolean_word(fallback(key, usual ? "yes" : "no")).value_or(usual);
}

std::string Wizard::ask(const std::string& key, const std::string& text, const std::string& usual,
                        const std::function<Complaint(const std::string&)>& judge) {
  std::string answer = talk.ask({key, text, fallback(key, usual), judge});
  files.config[key] = answer;
  return answer;
}

int64_t Wizard::ask_whole(const std::string& key, const std::string& text, int64_t usual,
                          const std::function<Complaint(int64_t)>& judge) {
  const int64_t answer =
      talk.ask_whole({key, text, fallback(key, fmt::format("{}", usual))}, judge);
  files.config[key] = answer;
  return answer;
}

double Wizard::ask_number(const std::string& key, const std::string& text, double usual,
                          const std::function<Complaint(double)>& judge) {
  const double answer =
      talk.ask_number({key, text, fallback(key, fmt::format("{}", usual))}, judge);
  files.config[key] = as_written(answer);
  return answer;
}

std::string Wizard::choose(const std::string& key, const std::string& text,
                           const std::string& usual, const std::vector<std::string>& without) {
  std::vector<std::string> words;
  for (const std::string& word : acting_words(key)) {
    if (std::find(without.begin(), without.end(), word) == without.end()) words.push_back(word);
  }
  std::string first = fallback(key, usual);
  if (std::find(words.begin(), words.end(), first) == words.end()) first = usual;
  std::string answer = talk.choose({key, text, first}, words);
  files.config[key] = answer;
  return answer;
}

bool Wizard::confirm(const std::string& key, const std::string& text, bool usual) {
  const bool answer = talk.confirm(key, text, fallback_flag(key, usual));
  files.config[key] = answer;
  return answer;
}

std::vector<std::string> acting_words(const std::string& key) {
  std::vector<std::string> words;
  Config config;
  visit_keys(config, [&](const Key& entry, const auto&) {
    if (entry.name == key) words = entry.check.words();
  });
  return words;
}

std::string gigabytes(double bytes) {
  return fmt::format("{:.1f} GB", bytes / 1e9);
}

Complaint at_least_one(int64_t number) {
  return number >= 1 ? Complaint::none() : Complaint::no("must be at least 1");
}

ConfigureFiles ask_all(const Surroundings& around, const Json& earlier, Interview& talk) {
  const Json defaults = canonical_keys(earlier);
  Wizard wizard{around, defaults, talk};
  set_fixed(wizard);
  ask_output(wizard);
  ask_adapter(wizard);
  ask_length(wizard);
  ask_reports(wizard);
  ask_weights(wizard);
  ask_batch(wizard);
  ask_validation(wizard);
  ask_optimizer(wizard);
  ask_prompts(wizard);
  ask_data(wizard);
  talk.finish({"overwrite"});  // asked by whoever writes the files
  for (const auto& [key, value] : defaults.items()) {
    // Left out above on purpose, because of another answer.
    if (talk.asked().contains(key) || key == "lycoris_config" || key == "quantize_via") continue;
    if (!wizard.files.config.contains(key)) wizard.files.config[key] = value;
  }
  return wizard.files;
}

}  // namespace omnigen::config
