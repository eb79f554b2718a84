// What the questions of `configure` share: earlier values, facts that later questions build on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/configure.h"

namespace omnigen::config {

struct Wizard {
  const Surroundings& around;
  const Json& earlier;
  Interview& talk;
  ConfigureFiles files = {};
  bool full = false;
  int64_t total_steps = 0;   // 0: the length is in epochs
  int64_t num_trained = 0;   // parameters
  int64_t global_batch = 1;  // samples of an optimizer step
  int64_t micro_batch = 1;
  double resolution_pixels = 1024;  // side of the square

  // The earlier configuration's value of this key as text, else `usual`.
  [[nodiscard]] std::string fallback(const std::string& key, const std::string& usual) const;
  [[nodiscard]] bool fallback_flag(const std::string& key, bool usual) const;
  // Asks for the value of a key, and sets it. The question bears the key's name.
  std::string ask(const std::string& key, const std::string& text, const std::string& usual,
                  const std::function<Complaint(const std::string&)>& judge = nullptr);
  int64_t ask_whole(const std::string& key, const std::string& text, int64_t usual,
                    const std::function<Complaint(int64_t)>& judge = nullptr);
  double ask_number(const std::string& key, const std::string& text, double usual,
                    const std::function<Complaint(double)>& judge = nullptr);
  // One of the words that act for this key, apart from `without`.
  std::string choose(const std::string& key, const std::string& text, const std::string& usual,
                     const std::vector<std::string>& without = {});
  bool confirm(const std::string& key, const std::string& text, bool usual);
  [[nodiscard]] const Json& value(const std::string& key) const { return files.config.at(key); }
};

// The words of a key of the table that act.
std::vector<std::string> acting_words(const std::string& key);
std::string gigabytes(double bytes);
// A complaint about a number that must be at least `low`, or none.
Complaint at_least_one(int64_t number);

// In this order. Output folder, adapter or whole model, average of weights.
void ask_output(Wizard& wizard);
void ask_adapter(Wizard& wizard);
// Length and checkpoints.
void ask_length(Wizard& wizard);
// Hub and trackers.
void ask_reports(Wizard& wizard);
void ask_weights(Wizard& wizard);
// Batch, dropout, resolution.
void ask_batch(Wizard& wizard);
void ask_validation(Wizard& wizard);
// Precision, optimizer, schedule, storage of the base.
void ask_optimizer(Wizard& wizard);
void ask_prompts(Wizard& wizard);
void ask_data(Wizard& wizard);

}  // namespace omnigen::config
