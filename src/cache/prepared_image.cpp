#include "cache/prepared_image.h"

#include <fmt/format.h>

#include <array>
#include <new>

#include "util/hash.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

PreparedImage failure(PreparedImage prepared, FailReason reason, std::string detail) {
  prepared.image = {};
  prepared.fields.fail_reason = static_cast<uint8_t>(reason);
  prepared.detail = std::move(detail);
  return prepared;
}

void set_hash(const std::string& hex, io::RecordFields& fields) {
  for (size_t i = 0; i < fields.src_hash.size(); ++i) {
    fields.src_hash[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
}

PreparedImage decode_and_fit(const fs::path& path, const PlannedRecord& record,
                             const data::SourceSettings& settings, const std::string& dataset_id,
                             PreparedImage prepared) {
  const SourceStat stat = stat_source(path);
  prepared.fields.src_size = stat.size;
  prepared.fields.src_mtime_ns = stat.mtime_ns;
  const std::string bytes = data::read_image_file(path);
  set_hash(util::sha256_hex(bytes), prepared.fields);
  data::DecodedImage decoded = data::decode_image(bytes, path.string(), settings.decode);
  prepared.facts = decoded.facts;
  data::CropPlan crop = record.crop;
  if (decoded.facts.size != record.item.size) {
    crop = plan_of(settings, dataset_id, record.item.file.path, decoded.facts.size);
    if (!crop.accepted() || crop.target != record.crop.target ||
        crop.bucket != record.crop.bucket) {
      return failure(std::move(prepared), FailReason::kChanged,
                     fmt::format("{}: changed since the scan: {}x{}, was {}x{}", path.string(),
                                 decoded.facts.size.width, decoded.facts.size.height,
                                 record.item.size.width, record.item.size.height));
    }
  }
  prepared.fields.orig_w = static_cast<uint32_t>(decoded.facts.size.width);
  prepared.fields.orig_h = static_cast<uint32_t>(decoded.facts.size.height);
  prepared.fields.exif_orientation = static_cast<uint8_t>(decoded.facts.orientation);
  prepared.fields.inter_w = static_cast<uint32_t>(crop.resized.width);
  prepared.fields.inter_h = static_cast<uint32_t>(crop.resized.height);
  prepared.fields.crop_top = static_cast<uint32_t>(crop.crop_top);
  prepared.fields.crop_left = static_cast<uint32_t>(crop.crop_left);
  prepared.image = data::apply_plan(decoded.image, crop, settings.filter);
  return prepared;
}

}  // namespace

PreparedImage prepare_image(const fs::path& folder, const PlannedRecord& record,
                            const data::SourceSettings& settings, const std::string& dataset_id) {
  PreparedImage prepared;
  prepared.fields.src_size = record.item.file.stat.size;
  prepared.fields.src_mtime_ns = record.item.file.stat.mtime_ns;
  const fs::path path = folder / record.item.file.path;
  try {
    return decode_and_fit(path, record, settings, dataset_id, prepared);
  } catch (const data::ImageError& error) {
    const FailReason reason =
        fs::exists(path) ? fail_reason(error.problem()) : FailReason::kChanged;
    return failure(std::move(prepared), reason, error.what());
  } catch (const std::bad_alloc&) {
    return failure(std::move(prepared), FailReason::kTooLarge,
                   fmt::format("{}: not enough memory to decode it", path.string()));
  }
}

void count_notes(const data::ImageFacts& facts, DecodeNotes& notes) {
  const std::array<std::pair<const char*, bool>, 7> kinds = {{
      {"turned", facts.orientation > 1},
      {"alpha", facts.alpha},
      {"cmyk", facts.cmyk},
      {"sixteen_bit", facts.sixteen_bit},
      {"animated", facts.animated},
      {"icc_profile", facts.icc_profile},
      {"truncated", facts.truncated},
  }};
  for (const auto& [name, present] : kinds) {
    if (present) ++notes[name];
  }
}

std::string describe_note(const std::string& note, int64_t count) {
  static const std::map<std::string, const char*> kTexts = {
      {"turned", "turned as the EXIF orientation says (exif)"},
      {"alpha", "with transparency, laid over a background (alpha)"},
      {"cmyk", "converted from CMYK without a colour profile"},
      {"sixteen_bit", "reduced from 16 bits to 8"},
      {"animated", "animated: the first frame is used"},
      {"icc_profile", "with a colour profile, which is ignored"},
      {"truncated", "truncated and used as far as they go (truncated_images)"}};
  return fmt::format("{} image{} {}", count, count == 1 ? "" : "s", kTexts.at(note));
}

}  // namespace omnigen::cache
