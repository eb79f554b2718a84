#include "train/publisher.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "io/atomic_file.h"
#include "train/model_card.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr int kUploadAttempts = 3;

// Of a run's or a checkpoint's folder: weights of either kind of adapter, of a whole model, and
// what describes them.
constexpr std::array kPublished = {"pytorch_lora_weights.safetensors",
                                   "lycoris_config.json",
                                   "adapter_model.safetensors",
                                   "adapter_config.json",
                                   "README.md",
                                   "simpletuner_config.json",
                                   "assets",
                                   "ema",
                                   "transformer"};
// A whole model in diffusers' layout: what is in it is the repository.
constexpr const char* kPipeline = "pipeline";

// The averaged weights belong to the result, the state they are computed in does not.
constexpr const char* kEmaState = "ema_state.safetensors";

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// The same file under another name where the file system can, else a copy.
void link_or_copy(const fs::path& from, const fs::path& to) {
  fs::create_directories(to.parent_path());
  std::error_code no_link;
  fs::create_hard_link(from, to, no_link);
  if (no_link) fs::copy_file(from, to, fs::copy_options::overwrite_existing);
}

void link_tree(const fs::path& from, const fs::path& to) {
  if (fs::is_regular_file(from)) return link_or_copy(from, to);
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (!entry.is_regular_file() || entry.path().filename() == kEmaState) continue;
    link_or_copy(entry.path(), to / entry.path().lexically_relative(from));
  }
}

// The weights matter more than what is made of them: a full disk is said and the run goes on.
template <class Work>
void attempt(const std::string& what, const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {
    util::log::error(fmt::format("{}: {}", what, error.what()));
  }
}

fs::path queue_log(const config::Config& config) {
  return fs::path(config.train.output_dir) / config.log.logging_dir / "publish.log";
}

}  // namespace

Publisher::Publisher(Parts parts)
    : parts_(std::move(parts)),
      output_dir_(parts_.loaded.config.train.output_dir),
      queue_(queue_log(parts_.loaded.config), parts_.retry_delay_s) {}

void Publisher::describe(const Place& place) const {
  const config::Config& config = parts_.loaded.config;
  CardFacts facts = {parts_.loaded,
                     parts_.plan,
                     parts_.hub ? parts_.hub->repository : config.log.tracker_project_name,
                     parts_.endpoint,
                     parts_.negative_prompt,
                     place.step,
                     place.epoch,
                     {}};
  attempt("model card of " + place.folder.filename().string(), [&] {
    fs::remove_all(place.folder / "assets");
    for (const Asset& asset : assets_) {
      io::write_atomically(place.folder / "assets" / asset.name, asset.png);
      facts.widgets.push_back({asset.prompt, "./assets/" + asset.name});
    }
    io::write_atomically(place.folder / "README.md", model_card(facts));
    io::write_atomically(place.folder / "simpletuner_config.json",
                         parts_.loaded.resolved.dump(2) + "\n");
  });
}

void Publisher::checkpoint(const fs::path& folder, int64_t step, int64_t epoch, bool temporary) {
  last_ = {folder, step, epoch};
  describe(last_);
  if (temporary) return;
  const config::PublishConfig& publish = parts_.loaded.config.publish;
  run_script(publish.post_checkpoint_script, last_, "");
  if (!parts_.hub || !publish.push_checkpoints_to_hub) return;
  const std::string name = folder.filename().string();
  attempt("upload of " + name, [&] {
    const fs::path staged = stage(last_, name);
    upload(last_, staged, name);
    upload(last_, staged, ".");
  });
}

void Publisher::images(int64_t step, const std::vector<validate::ValidationImage>& images) {
  std::map<std::string, size_t> number_of;
  assets_.clear();
  for (const validate::ValidationImage& image : images) {
    const size_t number = number_of.emplace(image.short_name, number_of.size()).first->second;
    assets_.push_back(
        {fmt::format("image_{}_{}.png", number, image.index), image.unstitched_png, image.prompt});
  }
  if (last_.step == step && fs::is_directory(last_.folder)) describe(last_);
}

fs::path Publisher::stage(const Place& place, const std::string& name) const {
  const fs::path staged = output_dir_ / "hub_upload" / name;
  fs::remove_all(staged);
  for (const char* part : kPublished) {
    if (fs::exists(place.folder / part)) link_tree(place.folder / part, staged / part);
  }
  if (fs::exists(place.folder / kPipeline)) link_tree(place.folder / kPipeline, staged);
  return staged;
}

void Publisher::upload(const Place& place, const fs::path& staged, const std::string& remote) {
  const CardFacts facts = {parts_.loaded,
                           parts_.plan,
                           parts_.hub->repository,
                           parts_.endpoint,
                           parts_.negative_prompt,
                           place.step,
                           place.epoch,
                           {}};
  const bool is_root = remote == ".";
  const std::string where =
      is_root ? parts_.hub->repository : parts_.hub->repository + "/" + remote;
  queue_.add({fmt::format("upload of step {} to {}", place.step, where),
              upload_command(*parts_.hub, {staged, remote, commit_message(facts)}), kUploadAttempts,
              [this, place, staged, where, is_root] {
                std::error_code ignored;
                if (is_root) fs::remove_all(staged, ignored);  // its last upload
                run_script(parts_.loaded.config.publish.post_upload_script, place, where);
              }});
}

void Publisher::run_script(const std::string& script, const Place& place,
                           const std::string& remote) {
  if (script.empty()) return;
  const config::LogConfig& log = parts_.loaded.config.log;
  std::string command = replace_all(script, "{local_checkpoint_path}",
                                    fs::absolute(place.folder).lexically_normal().string());
  command = replace_all(command, "{global_step}", std::to_string(place.step));
  command = replace_all(command, "{tracker_run_name}", log.tracker_run_name);
  command = replace_all(command, "{tracker_project_name}", log.tracker_project_name);
  command = replace_all(command, "{remote_checkpoint_path}", remote);
  queue_.add({fmt::format("script after step {}", place.step), {"sh", "-c", command}});
}

void Publisher::finish(int64_t step, int64_t epoch, bool complete) {
  const config::PublishConfig& publish = parts_.loaded.config.publish;
  if (complete) {
    const Place place = {output_dir_, step, epoch};
    describe(place);
    if (parts_.hub) {
      attempt("upload of the result", [&] { upload(place, stage(place, "result"), "."); });
    }
  }
  queue_.finish(static_cast<double>(publish.hub_wait_seconds));
}

}  // namespace omnigen::train
