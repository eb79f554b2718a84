#include "validate/baseline_losses.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "util/hash.h"
#include "util/log.h"
#include "validate/prompt_list.h"

namespace omnigen::validate {
namespace {

constexpr int kVersion = 1;  // of the noise, the times and the loss

}  // namespace

std::string baseline_key(const std::string& base_weights_id, const std::string& fingerprint,
                         const EvalOptions& options) {
  const nlohmann::json all = {kVersion, base_weights_id, fingerprint, options.num_images,
                              options.num_timesteps};
  return util::hex64(util::xxh3_64(all.dump()));
}

BaselineLosses::BaselineLosses(const std::filesystem::path& output_dir)
    : folder_(output_dir / "evaluation") {}

std::filesystem::path BaselineLosses::file_of(const std::string& dataset_id) const {
  return folder_ / fmt::format("untouched_{}.json", file_stem(dataset_id));
}

std::optional<std::vector<std::vector<double>>> BaselineLosses::load(const std::string& dataset_id,
                                                                     const std::string& key) const {
  const auto file = file_of(dataset_id);
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(io::read_file(file));
    if (json.at("key").get<std::string>() != key) return std::nullopt;
    return json.at("losses").get<std::vector<std::vector<double>>>();
  } catch (const nlohmann::json::exception& error) {
    util::log::warn(fmt::format("{} is not readable, the untouched model is evaluated again: {}",
                                file.string(), error.what()));
    return std::nullopt;
  }
}

void BaselineLosses::save(const std::string& dataset_id, const std::string& key,
                          const EvalResult& result) const {
  const nlohmann::json json = {{"key", key},
                               {"mean", result.mean},
                               {"times", result.times},
                               {"paths", result.paths},
                               {"losses", result.losses}};
  io::write_atomically(file_of(dataset_id),
                       json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

}  // namespace omnigen::validate
