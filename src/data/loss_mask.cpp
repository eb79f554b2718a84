#include "data/loss_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/cache_index.h"
#include "data/discovery.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::data {
namespace {

namespace fs = std::filesystem;

constexpr double kSameAspect = 0.01;  // relative difference that scaling may even out
constexpr size_t kShown = 10;

std::string without_suffix(const std::string& path) {
  return fs::path(path).replace_extension().string();
}

// Files of a mask folder, by what an image may be called.
class MaskFiles {
 public:
  explicit MaskFiles(const std::vector<std::string>& paths) : paths_(paths.begin(), paths.end()) {
    for (const std::string& path : paths) by_stem_[without_suffix(path)].push_back(path);
  }

  // Candidates for an image; one is right.
  [[nodiscard]] std::vector<std::string> find(const std::string& image) const {
    const std::string name = fs::path(image).filename().string();
    if (paths_.contains(image)) return {image};
    if (paths_.contains(name)) return {name};
    const auto found = by_stem_.find(without_suffix(image));
    return found == by_stem_.end() ? std::vector<std::string>{} : found->second;
  }

 private:
  std::set<std::string> paths_;
  std::map<std::string, std::vector<std::string>> by_stem_;
};

// "a.png (and 3 more)"
std::string first_of(const std::vector<std::string>& names) {
  std::string text = names.front();
  if (names.size() > 1) text += fmt::format(" (and {} more)", names.size() - 1);
  return text;
}

bool same_shape(PixelSize a, PixelSize b) {
  if (a == b) return true;
  const double first = static_cast<double>(a.width) / static_cast<double>(a.height);
  const double second = static_cast<double>(b.width) / static_cast<double>(b.height);
  return std::abs(first / second - 1.0) < kSameAspect;
}

void require_shapes(const MaskSettings& settings, const Dataset& dataset,
                    const std::vector<std::string>& files) {
  std::vector<std::string> wrong;
  for (int64_t record = 0; record < dataset.size(); ++record) {
    const RecordMeta& meta = dataset.meta(record);
    const std::string& file = files[static_cast<size_t>(record)];
    const PixelSize mask = probe_image_file(settings.folder / file, settings.decode).size;
    const PixelSize image = meta.crop.source;
    if (same_shape(mask, image)) continue;
    wrong.push_back(fmt::format("{} is {}x{}, {} is {}x{}", file, mask.width, mask.height,
                                printable_path(meta.path), image.width, image.height));
  }
  if (wrong.empty()) return;
  const size_t shown = std::min(kShown, wrong.size());
  throw util::DataError(fmt::format(
      "dataset {}: {} of {} masks have another shape than their image: {}; make each mask as large "
      "as its image",
      settings.id, wrong.size(), files.size(),
      fmt::join(wrong.begin(), wrong.begin() + static_cast<std::ptrdiff_t>(shown), "; ")));
}

}  // namespace

at::Tensor mask_weights(const Image& picture, MaskKind kind, int64_t height, int64_t width) {
  const at::Tensor values_CHW = normalise(picture);
  const at::Tensor channel_HW = kind == MaskKind::kSoft ? values_CHW[0] : values_CHW.sum(0) / 3.0F;
  const at::Tensor pooled =
      at::adaptive_avg_pool2d(channel_HW.unsqueeze(0), {height, width})[0] / 2.0F + 0.5F;
  return kind == MaskKind::kSoft ? pooled : (pooled > 0).to(at::kFloat);
}

MaskSet::MaskSet(MaskSettings settings, DatasetPtr images)
    : settings_(std::move(settings)), dataset_(std::move(images)) {
  const Dataset& dataset = *dataset_;
  const std::vector<std::string> found = discover_images(settings_.folder).paths;
  const MaskFiles masks(found);
  std::vector<std::string> missing;
  std::vector<std::string> ambiguous;
  std::string identity = settings_.kind == MaskKind::kSoft ? "mask" : "segmentation";
  for (int64_t record = 0; record < dataset.size(); ++record) {
    const std::string& image = dataset.meta(record).path;
    const auto candidates = masks.find(image);
    if (candidates.empty()) missing.push_back(printable_path(image));
    if (candidates.size() > 1) {
      ambiguous.push_back(
          fmt::format("{}: {}", printable_path(image), fmt::join(candidates, " or ")));
    }
    if (candidates.size() != 1) continue;
    files_.push_back(candidates.front());
    const fs::path path = settings_.folder / candidates.front();
    identity += fmt::format("\n{}\t{}\t{}\t{}", image, candidates.front(), fs::file_size(path),
                            fs::last_write_time(path).time_since_epoch().count());
  }
  if (!missing.empty()) {
    throw util::DataError(fmt::format(
        "dataset {}: no mask for {} in {}; every image of {} needs one of the same name",
        settings_.id, first_of(missing), fs::absolute(settings_.folder).string(), dataset.id()));
  }
  if (!ambiguous.empty()) {
    throw util::DataError(fmt::format("dataset {}: several masks for {}; keep one", settings_.id,
                                      first_of(ambiguous)));
  }
  require_shapes(settings_, dataset, files_);
  const std::set<std::string> used(files_.begin(), files_.end());
  if (used.size() < found.size()) {
    util::log::warn_once(fmt::format("dataset {}: {} of {} masks belong to no image of {}",
                                     settings_.id, found.size() - used.size(), found.size(),
                                     dataset.id()));
  }
  fingerprint_ = util::sha256_hex(identity);
}

at::Tensor MaskSet::weights(int64_t record, const RecordCrop& crop, int64_t height,
                            int64_t width) const {
  const std::string& file = files_.at(static_cast<size_t>(record));
  Image mask = decode_image_file(settings_.folder / file, settings_.decode).image;
  if (PixelSize{mask.width, mask.height} != crop.source) {
    mask = resize(mask, crop.source, settings_.filter);
  }
  CropPlan plan;
  plan.resized = crop.resized;
  plan.crop_left = crop.left;
  plan.crop_top = crop.top;
  const RecordMeta& meta = dataset_->meta(record);
  plan.target = {meta.target_width, meta.target_height};
  const at::Tensor weights =
      mask_weights(apply_plan(mask, plan, settings_.filter), settings_.kind, height, width);
  if (weights.max().item<float>() <= 0) {
    util::log::warn_once(fmt::format(
        "dataset {}: mask {} is black where its image is trained: nothing is learnt from it",
        settings_.id, file));
  }
  return weights;
}

}  // namespace omnigen::data
