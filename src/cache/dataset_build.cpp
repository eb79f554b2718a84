#include "cache/dataset_build.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "data/discovery.h"
#include "model/weight_map.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kShownFailures = 10;

std::string pack(const json& value) {
  const std::vector<uint8_t> bytes = json::to_cbor(value);
  return {bytes.begin(), bytes.end()};
}

// Decoder settings that decide what a scan finds.
std::string scan_policy(const data::SourceSettings& settings) {
  return fmt::format("exif={} max_pixels={} max_edge={}", settings.decode.apply_orientation,
                     settings.decode.max_pixels, settings.decode.max_edge);
}

}  // namespace

DatasetBuild::DatasetBuild(const BuildContext& context, const config::DatasetConfig& dataset,
                           bool writes)
    : context_(context),
      dataset_(dataset),
      writes_(writes),
      settings_(data::source_settings(context.config, dataset)),
      vae_(vae_settings(context.config)),
      captions_settings_(data::caption_settings(context.config, dataset, context.datasets)),
      rules_{dataset.id, context.config.cache.trust_mtime,
             context.config.data.ignore_missing_files} {
  report_.dataset_id = dataset.id;
  report_.folder = folder();
}

fs::path DatasetBuild::ledger_path() const {
  return folder() / (dataset_.id + ".scan.json");
}

int64_t DatasetBuild::num_threads() const {
  return std::clamp<int64_t>(dataset_.max_workers, 1,
                             std::max<int64_t>(1, context_.cores_per_rank));
}

void DatasetBuild::open_folder() {
  if (writes_) lock_ = std::make_unique<FolderLock>(folder(), dataset_.id);
  state_.emplace(folder(), dataset_.id);
  fingerprints_.image = data::image_fingerprint(settings_);
  fingerprints_.vae = vae_fingerprint(vae_, state_->index());
  fingerprints_.text = data::text_fingerprint(
      data::tokenizer_folder(context_.config.model.pretrained_model_name_or_path));
  fingerprints_.caption =
      data::caption_fingerprint(dataset_, data::caption_filter_list(dataset_, context_.datasets));
  const auto action = !context_.config.cache.override_dataset_config
                          ? CacheState::IfForeign::kRefuse
                      : writes_ ? CacheState::IfForeign::kRemove
                                : CacheState::IfForeign::kForget;
  state_->require_settings(fingerprints_.image, fingerprints_.vae, action);
  ledger_ = ScanLedger::read(ledger_path(), scan_policy(settings_));
}

std::vector<std::string> DatasetBuild::list_paths() const {
  const data::Discovery found = data::discover_images(dataset_.instance_data_dir);
  for (const std::string& line : data::discovery_warnings(found)) util::log::warn_once(line);
  if (!dataset_.max_num_samples) return found.paths;
  return choose_samples(found.paths, *dataset_.max_num_samples, dataset_.id);
}

void DatasetBuild::reload() {
  cached_.emplace(folder(), state_->files());
  if (dataset_.scan_for_errors) cached_->drop_damaged();
}

void DatasetBuild::look_at_sources() {
  std::vector<ScanRequest> requests;
  if (is_root()) {
    paths_ = list_paths();
    files_ = stat_sources(dataset_.instance_data_dir, paths_);
    reload();
    requests = scan_requests(files_, *cached_, ledger_, rules_);
  }
  util::Stopwatch since_saved;
  scan_sources(
      requests,
      {dataset_.instance_data_dir, settings_.decode, num_threads(), "scanning " + dataset_.id},
      context_.group, [&](size_t first, std::vector<ScanEntry> entries) {
        for (size_t i = 0; i < entries.size(); ++i) {
          ledger_.set(requests[first + i].file.path, std::move(entries[i]));
        }
        const auto interval = static_cast<double>(dataset_.metadata_update_interval);
        if (!writes_ || since_saved.elapsed_s() < interval) return;
        ledger_.write(ledger_path());
        since_saved.lap_s();
      });
  if (!is_root()) return;
  update_survey();
  require_images();
  if (writes_) require_few_failures();
}

UsableImages DatasetBuild::usable_images() {
  json message;
  if (is_root()) {
    if (writes_ && ledger_.changed()) ledger_.write(ledger_path());
    std::map<std::string, SourceStat> stats;
    for (const SourceFile& file : files_) stats[file.path] = file.stat;
    std::vector<WorkItem> images = survey_.work;
    for (const Member& member : survey_.members) {
      const io::RecordFields& fields = cached_->fields(member.place);
      images.push_back({{member.path, stats[member.path]}, {fields.orig_w, fields.orig_h}});
    }
    std::sort(images.begin(), images.end(),
              [](const WorkItem& a, const WorkItem& b) { return a.file.path < b.file.path; });
    message = {{"work", pack_work(images)},
               {"settings", fingerprints_.image.sha256 + fingerprints_.vae.sha256},
               {"captions", json::array()}};
    for (const CaptionedImage& image : captions_) {
      message["captions"].push_back({image.path, image.captions});
    }
  }
  message = json::from_cbor(context_.group.broadcast_bytes(pack(message), 0));
  UsableImages usable;
  usable.images = unpack_work(message.at("work").get<std::string>());
  usable.settings = util::sha256_hex(message.at("settings").get<std::string>());
  for (const json& row : message.at("captions")) {
    usable.captions.push_back(
        {row.at(0).get<std::string>(), row.at(1).get<std::vector<std::string>>()});
  }
  return usable;
}

bool DatasetBuild::is_trusted() {
  bool trusted = false;
  if (is_root()) {
    const std::string& skip = dataset_.skip_file_discovery;
    const auto skips = [&](const char* word) { return skip.find(word) != std::string::npos; };
    const bool wanted = dataset_.preserve_data_backend_cache ||
                        (skips("vae") && skips("aspect") && skips("metadata"));
    const auto& index = state_->index();
    trusted = wanted && index && !state_->has_orphans() &&
              index->fingerprints.text.sha256 == fingerprints_.text.sha256 &&
              index->fingerprints.caption.sha256 == fingerprints_.caption.sha256;
    if (trusted) {
      report_.num_records = index->num_records();
      report_.buckets = index->buckets;
      report_.counters = index->counters;
    }
  }
  return context_.group.any(trusted);
}

void DatasetBuild::update_survey() {
  survey_ = survey(files_, *cached_, ledger_, settings_, rules_);
  collect_missing_captions();
  std::set<std::string_view> captioned;
  for (const CaptionedImage& image : captions_) captioned.insert(image.path);
  const auto lacks = [&](const std::string& path) { return !captioned.contains(path); };
  const size_t left_out =
      std::erase_if(survey_.members, [&](const Member& member) { return lacks(member.path); }) +
      std::erase_if(survey_.work, [&](const WorkItem& item) { return lacks(item.file.path); });
  if (left_out > 0) survey_.counters["no_caption"] = static_cast<int64_t>(left_out);
}

void DatasetBuild::collect_missing_captions() {
  std::vector<std::string> paths;
  for (const Member& member : survey_.members) paths.push_back(member.path);
  for (const WorkItem& item : survey_.work) paths.push_back(item.file.path);
  std::sort(paths.begin(), paths.end());
  if (paths == captioned_paths_) return;
  captions_ = collect_captions(dataset_.id, captions_settings_, dataset_.instance_data_dir, paths,
                               num_threads());
  captioned_paths_ = std::move(paths);
}

void DatasetBuild::require_few_failures() const {
  if (std::ssize(survey_.failed) <= max_failed()) return;
  std::string shown;
  for (size_t i = 0; i < std::min(kShownFailures, survey_.failed.size()); ++i) {
    const FailedFile& file = survey_.failed[i];
    shown += fmt::format("\n  {}: {} {}", data::printable_path(file.path), reason_text(file.reason),
                         file.detail);
  }
  throw util::DataError(fmt::format(
      "data set '{}': {} of {} files cannot be used, max_failed_fraction allows {}:{}{}\nrepair or "
      "remove them, or raise max_failed_fraction; what is encoded is kept",
      dataset_.id, survey_.failed.size(), paths_.size(), max_failed(), shown,
      survey_.failed.size() > kShownFailures ? "\n  …" : ""));
}

void DatasetBuild::require_images() const {
  if (!survey_.members.empty() || !survey_.work.empty()) return;
  std::string reasons;
  for (const auto& [reason, count] : survey_.counters) {
    reasons += fmt::format("\n  {}: {}", reason, count);
  }
  for (size_t i = 0; i < std::min(kShownFailures, survey_.failed.size()); ++i) {
    const FailedFile& file = survey_.failed[i];
    reasons += fmt::format("\n  {}: {}", data::printable_path(file.path), reason_text(file.reason));
  }
  const data::CropSettings& crop = settings_.crop;
  throw util::DataError(fmt::format(
      "data set '{}': no image of {} is usable: {} files listed, left out:{}\nactive limits: "
      "minimum_image_size {:g} {}{}",
      dataset_.id, dataset_.instance_data_dir, paths_.size(), reasons, crop.minimum_image_size,
      crop.area ? "megapixels" : "pixels",
      crop.area && crop.minimum_image_size > 5 ? " (is it meant in pixels?)" : ""));
}

ShardRules DatasetBuild::shard_rules(const std::map<int64_t, int64_t>& first_number) const {
  const auto vae = model::AutoencoderConfig::from_file(vae_.folder / "config.json");
  ShardRules rules;
  rules.dataset_id = dataset_.id;
  rules.latent_dtype = vae_.dtype;
  rules.latent_channels = vae.latent_channels;
  rules.spatial_factor = vae.spatial_factor();
  rules.num_ranks = context_.group.size();
  rules.first_number = first_number;
  return rules;
}

std::vector<PlannedShard> DatasetBuild::make_plan() {
  json message;
  if (is_root()) {
    ShardRules rules = shard_rules(state_->next_numbers());
    rules.image_fingerprint = fingerprints_.image.sha256;
    rules.vae_fingerprint = fingerprints_.vae.sha256;
    if (writes_ && state_->has_orphans() &&
        !state_->continues(plan_shards(survey_.work, settings_, rules))) {
      state_->adopt_orphans();
      reload();
      update_survey();
      rules.first_number = state_->next_numbers();
    }
    message = {{"work", pack_work(survey_.work)},
               {"first_number", rules.first_number},
               {"image", rules.image_fingerprint},
               {"vae", rules.vae_fingerprint}};
  }
  message = json::from_cbor(context_.group.broadcast_bytes(pack(message), 0));
  ShardRules rules = shard_rules(message.at("first_number").get<std::map<int64_t, int64_t>>());
  rules.image_fingerprint = message.at("image").get<std::string>();
  rules.vae_fingerprint = message.at("vae").get<std::string>();
  return plan_shards(unpack_work(message.at("work").get<std::string>()), settings_, rules);
}

int64_t DatasetBuild::max_failed() const {
  const double fraction = context_.config.cache.max_failed_fraction;
  if (fraction <= 0) return 0;
  const auto allowed = static_cast<int64_t>(fraction * static_cast<double>(paths_.size()));
  return std::max<int64_t>(1, allowed);  // one bad image never ends a job
}

void DatasetBuild::encode(const std::vector<PlannedShard>& plan) {
  if (is_root()) require_space(folder(), missing_bytes(plan, folder()));
  const auto known_failures = static_cast<int64_t>(survey_.failed.size());
  const auto limit = static_cast<int64_t>(context_.group.all_reduce_max(
      is_root() ? static_cast<double>(std::max<int64_t>(0, max_failed() - known_failures)) : 0.0));
  const at::Device device = context_.device();
  LatentEncoder encoder(vae_, [&](at::ScalarType dtype) {
    return model::load_autoencoder(vae_.folder, {dtype, device});
  });
  std::vector<PlannedShard> own;
  for (const PlannedShard& shard : plan) {
    if (shard.name.rank == context_.group.rank()) own.push_back(shard);
  }
  CacheWriter writer({.dataset_id = dataset_.id,
                      .images = dataset_.instance_data_dir,
                      .folder = folder(),
                      .vae_batch_size = dataset_.vae_batch_size,
                      .write_batch_size = dataset_.write_batch_size,
                      .num_threads = num_threads(),
                      .max_failed = limit},
                     settings_, encoder, context_.group);
  const WriterOutcome outcome = writer.run(own);
  json message = {{"encoded", outcome.encoded},
                  {"resumed", outcome.resumed},
                  {"notes", outcome.notes},
                  {"shards", json::array()},
                  {"failed", json::array()}};
  for (const PlannedShard& shard : own) {
    const data::IndexedFile file = describe_file(folder(), shard.name.file(dataset_.id));
    message["shards"].push_back({file.file, file.bytes, file.xxh3});
  }
  for (const FailedImage& image : outcome.failed) {
    message["failed"].push_back({image.file.path, image.file.stat.size, image.file.stat.mtime_ns,
                                 static_cast<int>(image.reason), image.detail});
  }
  remember_failures(context_.group.all_gather_bytes(pack(message)));
}

void DatasetBuild::remember_failures(const std::vector<std::string>& packed) {
  std::vector<data::IndexedFile> finished;
  DecodeNotes notes;
  changed_while_encoding_ = false;
  for (const std::string& bytes : packed) {
    const json message = json::from_cbor(bytes);
    report_.num_encoded += message.at("encoded").get<int64_t>();
    report_.num_resumed += message.at("resumed").get<int64_t>();
    for (const auto& [note, count] : message.at("notes").items()) {
      notes[note] += count.get<int64_t>();
    }
    for (const json& row : message.at("shards")) {
      finished.push_back(
          {row.at(0).get<std::string>(), row.at(1).get<uint64_t>(), row.at(2).get<std::string>()});
    }
    for (const json& row : message.at("failed")) {
      ScanEntry entry;
      entry.stat = {row.at(1).get<uint64_t>(), row.at(2).get<int64_t>()};
      entry.reason = static_cast<FailReason>(row.at(3).get<int>());
      entry.detail = row.at(4).get<std::string>();
      changed_while_encoding_ |= entry.reason == FailReason::kChanged;
      if (is_root()) ledger_.set(row.at(0).get<std::string>(), std::move(entry));
    }
  }
  if (!is_root()) return;
  report_.changed = true;
  state_->add(finished);
  for (const auto& [note, count] : notes) {
    util::log::info(fmt::format("data set '{}': {}", dataset_.id, describe_note(note, count)));
  }
}

bool DatasetBuild::must_look_again() const {
  return changed_while_encoding_;
}

}  // namespace omnigen::cache
