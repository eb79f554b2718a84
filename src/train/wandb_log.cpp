#include "train/wandb_log.h"

#include <fmt/format.h>

#include <cmath>

#include "io/atomic_file.h"
#include "train/wandb_feed.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFeedFile = "feed.py";
constexpr const char* kHelperLog = "helper.log";
constexpr const char* kRecords = "records.jsonl";
constexpr double kLookLimitSeconds = 20.0;
constexpr double kUploadLimitSeconds = 24 * 3600.0;
constexpr size_t kRunIdDigits = 32;
constexpr size_t kTailBytes = 500;

bool has_client(const std::string& python) {
  if (python.empty()) return false;
  util::ChildProcess look(
      {{python, "-c",
        "import importlib.util, sys; sys.exit(importlib.util.find_spec('wandb') is None)"}});
  return look.wait(kLookLimitSeconds) == 0;
}

}  // namespace

WandbLog::WandbLog(WandbOptions options) : options_(std::move(options)) {
  const fs::path& folder = options_.folder;
  const nlohmann::json run = {
      {"project", options_.project},
      {"name", options_.run_name},
      {"id", util::sha256_hex(options_.settings.dump()).substr(0, kRunIdDigits)},
      {"config", options_.settings}};
  io::write_atomically(folder / "run.json", run.dump(2) + "\n");
  io::write_atomically(folder / kFeedFile, kWandbFeed);
  records_.open(folder / kRecords, std::ios::app);
  if (!records_) {
    throw util::Error(fmt::format("{}: cannot be written", (folder / kRecords).string()));
  }
  start_client();
}

void WandbLog::start_client() {
  if (!has_client(options_.python)) {
    util::log::warn(
        fmt::format("report_to=wandb: client not found; run \"{}\" later on a machine with network",
                    options_.upload_command));
    return;
  }
  client_ = std::make_unique<util::ChildProcess>(
      util::ChildOptions{{options_.python, (options_.folder / kFeedFile).string(), "--follow"},
                         options_.folder / kHelperLog,
                         true});
}

// A client that ends by itself could not do its work.
void WandbLog::look_after_client() {
  if (!client_ || !client_->poll()) return;
  util::log::warn(fmt::format(
      "report_to=wandb: the client has ended: {}. Training goes on; run \"{}\" later",
      util::tail_of(options_.folder / kHelperLog, kTailBytes), options_.upload_command));
  client_.reset();
}

void WandbLog::write(const nlohmann::json& record) {
  records_ << record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  records_.flush();
  look_after_client();
}

void WandbLog::scalars(int64_t step, const std::map<std::string, double>& values) {
  nlohmann::json finite = nlohmann::json::object();
  for (const auto& [name, value] : values) {
    if (std::isfinite(value)) finite[name] = value;
  }
  write({{"step", step}, {"values", finite}});
}

void WandbLog::image(const TrackedImage& image) {
  const std::string file = fmt::format("media/step_{}_{}.png", image.step, num_images_++);
  io::write_atomically(options_.folder / file, image.png);
  const nlohmann::json entry = {{"tag", image.tag}, {"file", file}, {"caption", image.caption}};
  write({{"step", image.step}, {"images", nlohmann::json::array({entry})}});
}

void WandbLog::finish() {
  look_after_client();
  if (!client_) return;
  client_->end_input();
  const auto code = client_->wait(options_.finish_limit_s);
  if (code != 0) {
    util::log::warn(fmt::format(
        "report_to=wandb: the client {} ({}); run \"{}\" to hand over the rest",
        code ? fmt::format("ended with code {}", *code)
             : fmt::format("was not done after {:g} s", options_.finish_limit_s),
        util::tail_of(options_.folder / kHelperLog, kTailBytes), options_.upload_command));
  }
  client_.reset();
}

int upload_to_wandb(const fs::path& output_dir, const std::string& python) {
  fs::path folder;
  for (const auto& entry : fs::recursive_directory_iterator(output_dir)) {
    if (entry.path().filename() == kRecords && fs::exists(entry.path().parent_path() / kFeedFile)) {
      folder = entry.path().parent_path();
    }
  }
  if (folder.empty()) {
    throw util::ConfigError(fmt::format(
        "{}: no wandb-offline folder; a run writes it with report_to=wandb", output_dir.string()));
  }
  if (!has_client(python)) {
    throw util::ConfigError(
        "the W&B client is not installed: no python3 with the package wandb on PATH; "
        "\"pip install wandb\" and \"wandb login\"");
  }
  util::ChildProcess client({{python, (folder / kFeedFile).string()}, folder / kHelperLog});
  const auto code = client.wait(kUploadLimitSeconds);
  util::log::info(fmt::format("W&B client: exit code {}; {}", code.value_or(util::kExitFailure),
                              util::tail_of(folder / kHelperLog, kTailBytes)));
  return code == 0 ? util::kExitDone : util::kExitFailure;
}

}  // namespace omnigen::train
