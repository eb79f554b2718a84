#include "cache/on_demand.h"

#include <fmt/format.h>

#include <charconv>

#include "cache/caption_tokens.h"
#include "cache/dataset_build.h"
#include "cache/prepared_image.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "model/weight_map.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNameDigits = 32;  // of a SHA-256, in a file's or folder's name
constexpr const char* kLatent = "latent";

// What a kept latent was made from, and how.
std::map<std::string, std::string> identity(const std::string& path, const SourceStat& stat,
                                            const data::CropPlan& crop) {
  return {
      {"path", path},
      {"source", fmt::format("{} bytes, time {}", stat.size, stat.mtime_ns)},
      {"cut", fmt::format("{}x{} at {},{} of {}x{}", crop.target.width, crop.target.height,
                          crop.crop_left, crop.crop_top, crop.resized.width, crop.resized.height)}};
}

data::RecordCrop record_crop(data::PixelSize source, const data::CropPlan& crop) {
  return {source, crop.resized, crop.crop_left, crop.crop_top};
}

io::TokenTable read_tokens(const BuildContext& context, const UsableImages& usable) {
  const std::string& model = context.config.model.pretrained_model_name_or_path;
  const tokenizer::Tokenizer tokenizer(data::tokenizer_folder(model) / "tokenizer.json");
  return tokenise(usable.captions, tokenizer,
                  {context.config.data.max_input_tokens, context.cores_per_rank});
}

std::string fingerprint_of(const UsableImages& usable) {
  std::string text = usable.settings;
  for (const WorkItem& item : usable.images) {
    text +=
        fmt::format("\n{}\t{}\t{}", item.file.path, item.file.stat.size, item.file.stat.mtime_ns);
  }
  return util::sha256_hex(text + captions_digest(usable.captions, {}));
}

LatentEncoder make_encoder(const BuildContext& context) {
  VaeSettings settings = vae_settings(context.config);
  const at::Device device = context.device();
  return {settings, [folder = settings.folder, device](at::ScalarType dtype) {
            return model::load_autoencoder(folder, {dtype, device});
          }};
}

}  // namespace

OnDemandDataset::OnDemandDataset(const BuildContext& context, const config::DatasetConfig& dataset)
    : id_(dataset.id),
      sources_(dataset.instance_data_dir),
      settings_(data::source_settings(context.config, dataset)),
      keeps_(!dataset.vae_cache_disable),
      renews_(dataset.vae_cache_clear_each_epoch),
      removes_(context.group.is_root()),
      encoder_(make_encoder(context)) {
  DatasetBuild build(context, dataset, keeps_);
  if (build.is_root()) build.open_folder();
  build.look_at_sources();
  const UsableImages usable = build.usable_images();
  store_ = fs::path(dataset.cache_dir_vae) / (id_ + ".on-demand") /
           usable.settings.substr(0, kNameDigits);
  tokens_ = read_tokens(context, usable);
  fingerprint_ = fingerprint_of(usable);
  for (size_t i = 0; i < usable.images.size(); ++i) {
    const WorkItem& item = usable.images[i];
    const data::CropPlan crop = plan_of(settings_, id_, item.file.path, item.size);
    images_.push_back(
        {item,
         crop,
         {item.file.path, crop.bucket, crop.target.width, crop.target.height,
          tokens_.num_variants(static_cast<int64_t>(i)), record_crop(item.size, crop)}});
  }
}

data::CropPlan OnDemandDataset::crop_in(const Image& image, uint64_t epoch) const {
  if (epoch == 0) return image.crop;
  const data::CropPlan crop = data::plan_crop(settings_.crop, image.item.size,
                                              {settings_.seed, id_, image.item.file.path, epoch});
  // The size stays: the order of the epoch was made with it.
  return crop.target == image.crop.target ? crop : image.crop;
}

fs::path OnDemandDataset::file_of(const Image& image, uint64_t epoch) const {
  const std::string name = util::sha256_hex(image.item.file.path).substr(0, kNameDigits);
  return store_ / std::to_string(epoch) / (name + ".safetensors");
}

at::Tensor OnDemandDataset::encode(const Image& image, const data::CropPlan& crop,
                                   std::string* reason) const {
  const std::string& path = image.item.file.path;
  const PreparedImage prepared = prepare_image(sources_, {image.item, crop}, settings_, id_);
  if (prepared.failed()) {
    *reason = prepared.detail;
    return {};
  }
  const std::lock_guard lock(mutex_);
  const EncodedImage encoded = encoder_.encode(id_, {{path, &prepared.image}}).front();
  ++num_encoded_;
  if (encoded.latent_CHW.defined()) return encoded.latent_CHW.clone();
  *reason = fmt::format("{}: {}", path, reason_text(encoded.reason));
  return {};
}

at::Tensor OnDemandDataset::read_or_encode(const Image& image, uint64_t epoch,
                                           std::string* reason) const {
  const data::CropPlan crop = crop_in(image, epoch);
  const auto expected = identity(image.item.file.path, image.item.file.stat, crop);
  const fs::path file = file_of(image, epoch);
  if (keeps_ && fs::exists(file)) {
    try {
      const io::SafetensorsReader reader(file);
      if (reader.metadata() == expected) return reader.tensor(kLatent).clone();
    } catch (const util::DataError& error) {
      util::log::warn(fmt::format("{}; encoding it anew", error.what()));
    }
  }
  const at::Tensor latent = encode(image, crop, reason);
  if (keeps_ && latent.defined()) io::write_safetensors(file, {{kLatent, latent}}, expected);
  return latent;
}

void OnDemandDataset::remove_old(uint64_t epoch) const {
  const std::lock_guard lock(mutex_);
  if (!removes_ || epoch <= newest_epoch_) return;
  newest_epoch_ = epoch;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(store_, error)) {
    const std::string name = entry.path().filename().string();
    uint64_t old = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), old);
    if (failure == std::errc() && old + 1 < epoch) fs::remove_all(entry.path(), error);
  }
}

at::Tensor OnDemandDataset::latent(int64_t record) const {
  std::string reason;
  const at::Tensor latent = read_or_encode(at(record), 0, &reason);
  if (!latent.defined()) {
    throw util::DataError(fmt::format("data set '{}': {}; remove or repair it", id_, reason));
  }
  return latent.to(at::kFloat);
}

bool OnDemandDataset::has_latent(int64_t record) const {
  return keeps_ && fs::exists(file_of(at(record), 0));
}

data::DrawnRecord OnDemandDataset::draw(int64_t record, uint64_t epoch) const {
  const uint64_t edition = renews_ ? epoch : 0;
  if (renews_) remove_old(edition);
  for (int64_t i = 0; i < size(); ++i) {
    const int64_t candidate = (record + i) % size();
    {
      const std::lock_guard lock(mutex_);
      if (unusable_.contains(candidate)) continue;
    }
    const Image& image = at(candidate);
    std::string reason;
    const at::Tensor latent = read_or_encode(image, edition, &reason);
    if (latent.defined()) {
      return {candidate, latent.to(at::kFloat),
              record_crop(image.item.size, crop_in(image, edition))};
    }
    util::log::warn(
        fmt::format("data set '{}': {}; left out, the next image takes its place", id_, reason));
    const std::lock_guard lock(mutex_);
    unusable_.insert(candidate);
  }
  throw util::DataError(fmt::format("data set '{}': no image of {} can be used; the log names why",
                                    id_, sources_.string()));
}

std::string OnDemandDataset::caption(int64_t record, int64_t variant) const {
  return std::string(tokens_.caption(record, variant));
}

std::vector<int64_t> OnDemandDataset::token_ids(int64_t record, int64_t variant) const {
  const auto ids = tokens_.ids(record, variant);
  return {ids.begin(), ids.end()};
}

int64_t OnDemandDataset::num_encoded() const {
  const std::lock_guard lock(mutex_);
  return num_encoded_;
}

}  // namespace omnigen::cache
