#include "train/trackers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "config/text.h"
#include "train/command_tracker.h"
#include "train/tensorboard_tracker.h"
#include "train/wandb_log.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr std::array kSecretWords = {"secret",  "password",    "credential", "access_key",
                                     "api_key", "private_key", "token"};
constexpr std::array kSecretKeys = {"webhook_config", "publishing_config"};

bool may_be_secret(const std::string& key) {
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](const char* word) { return key.find(word) != std::string::npos; }) ||
         std::find(kSecretKeys.begin(), kSecretKeys.end(), key) != kSecretKeys.end();
}

std::set<std::string> names_of(const std::string& report_to) {
  const auto words = config::split_words(report_to, ", ");
  std::set<std::string> names(words.begin(), words.end());
  if (names.contains("all")) names.insert({"tensorboard", "wandb"});
  return names;
}

template <class Make>
void add(const char* name, const Make& make, Trackers& trackers) {
  try {
    trackers.push_back(make());
  } catch (const util::Error& error) {
    util::log::warn(fmt::format("Could not initialize trackers. Continuing without. ({}: {})", name,
                                error.what()));
  }
}

WandbOptions wandb_options(const config::LoadResult& loaded, const std::string& path) {
  const config::Config& config = loaded.config;
  const fs::path output_dir = config.train.output_dir;
  WandbOptions options;
  options.folder = output_dir / config.log.logging_dir / "wandb-offline";
  options.project = config.log.tracker_project_name;
  options.run_name = config.log.tracker_run_name;
  options.settings = public_settings(loaded.resolved);
  options.python = util::find_program("python3", path).value_or(fs::path()).string();
  options.upload_command = fmt::format("omnigen-dist wandb-upload {}", output_dir.string());
  return options;
}

}  // namespace

config::Json public_settings(const config::Json& resolved) {
  config::Json settings = config::Json::object();
  for (const auto& [key, value] : resolved.items()) {
    if (!may_be_secret(key)) settings[key] = value;
  }
  return settings;
}

std::map<std::string, io::HyperParameter> hyper_parameters(const config::Json& settings) {
  std::map<std::string, io::HyperParameter> plain;
  for (const auto& [key, value] : settings.items()) {
    if (value.is_boolean()) plain[key] = value.get<bool>();
    if (value.is_number()) plain[key] = value.get<double>();
    if (value.is_string()) plain[key] = value.get<std::string>();
  }
  return plain;
}

Trackers make_trackers(const config::LoadResult& loaded, const TrackerEnvironment& environment) {
  const config::LogConfig& log = loaded.config.log;
  const fs::path folder = fs::path(loaded.config.train.output_dir) / log.logging_dir;
  const std::set<std::string> names = names_of(log.report_to);
  Trackers trackers;
  if (names.contains("tensorboard")) {
    add(
        "tensorboard",
        [&] {
          return std::make_unique<TensorBoardTracker>(
              folder / log.tracker_project_name,
              hyper_parameters(public_settings(loaded.resolved)));
        },
        trackers);
  }
  if (names.contains("wandb") && environment.wandb_mode == "disabled") {
    util::log::info("report_to=wandb: WANDB_MODE is disabled, nothing is recorded for it");
  } else if (names.contains("wandb")) {
    add(
        "wandb",
        [&] { return std::make_unique<WandbLog>(wandb_options(loaded, environment.path)); },
        trackers);
  }
  if (names.contains("custom-tracker")) {
    add(
        "custom-tracker",
        [&] {
          return std::make_unique<CommandTracker>(log.custom_tracker,
                                                  folder / "custom-tracker.log");
        },
        trackers);
  }
  return trackers;
}

}  // namespace omnigen::train
