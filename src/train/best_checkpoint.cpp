#include "train/best_checkpoint.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

fs::path file_in(const fs::path& output_dir) {
  return output_dir / "checkpoint-best.json";
}

nlohmann::json optional_json(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

std::optional<double> optional_number(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return std::nullopt;
  return found->get<double>();
}

nlohmann::json to_json(const BestCheckpoint& best) {
  return {{"checkpoint", best.folder},
          {"step", best.step},
          {"loss", best.loss},
          {"improvement", optional_json(best.improvement)},
          {"improvement_95", optional_json(best.interval)},
          {"what", best.what}};
}

BestCheckpoint from_json(const nlohmann::json& json) {
  return {json.at("checkpoint").get<std::string>(),
          json.at("step").get<int64_t>(),
          json.at("loss").get<double>(),
          optional_number(json, "improvement"),
          optional_number(json, "improvement_95"),
          json.at("what").get<std::string>()};
}

}  // namespace

std::optional<BestCheckpoint> read_best_checkpoint(const fs::path& output_dir) {
  const fs::path file = file_in(output_dir);
  if (!fs::exists(file)) return std::nullopt;
  try {
    BestCheckpoint best = from_json(nlohmann::json::parse(io::read_file(file)));
    if (fs::is_directory(output_dir / best.folder)) return best;
    util::log::warn(fmt::format("{} names {}, which is not there; it is passed over", file.string(),
                                best.folder));
  } catch (const nlohmann::json::exception& error) {
    util::log::warn(
        fmt::format("{} is not readable and passed over: {}", file.string(), error.what()));
  }
  return std::nullopt;
}

void write_best_checkpoint(const fs::path& output_dir, const BestCheckpoint& best) {
  io::write_atomically(file_in(output_dir), to_json(best).dump(2) + "\n");
}

BestTracker::BestTracker(fs::path output_dir, bool enabled)
    : output_dir_(std::move(output_dir)), enabled_(enabled) {}

void BestTracker::load(comm::ProcessGroup& group) {
  if (!enabled_) return;
  std::string text;
  if (group.is_root()) {
    const auto found = read_best_checkpoint(output_dir_);
    if (found) text = to_json(*found).dump();
  }
  text = group.broadcast_bytes(text, 0);
  if (!text.empty()) best_ = from_json(nlohmann::json::parse(text));
}

void BestTracker::offer(int64_t step, const EvaluationOutcome& outcome) {
  candidate_.reset();
  if (!enabled_ || !outcome.loss || !std::isfinite(*outcome.loss)) return;
  if (best_ && best_->what != outcome.what) {
    util::log::warn(fmt::format(
        "{} was the best of another evaluation (other images, times or base model); losses are "
        "compared anew from here",
        best_->folder));
    best_.reset();
  }
  if (best_ && *outcome.loss >= best_->loss) return;
  candidate_ = BestCheckpoint{"", step, *outcome.loss, std::nullopt, std::nullopt, outcome.what};
  if (outcome.improvement) {
    candidate_->improvement = outcome.improvement->mean;
    candidate_->interval = outcome.improvement->interval;
  }
}

void BestTracker::saved_in(const std::string& folder) {
  candidate_->folder = folder;
  best_ = std::move(candidate_);
  candidate_.reset();
}

bool BestTracker::complete(const std::string& folder) const {
  if (!best_ || best_->folder != folder) return false;
  write_best_checkpoint(output_dir_, *best_);
  util::log::info(
      fmt::format("{} is the best so far: evaluation loss {:.4f}", folder, best_->loss));
  return true;
}

}  // namespace omnigen::train
