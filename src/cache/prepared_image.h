// One source file, read, decoded, resized and cropped for the VAE.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "cache/encode_plan.h"
#include "data/image.h"
#include "io/shard_schema.h"

namespace omnigen::cache {

struct PreparedImage {
  data::Image image;        // of the planned target size; empty: failed
  io::RecordFields fields;  // all but status and checksums
  data::ImageFacts facts;
  std::string detail;  // of a failure, whose reason is in the fields

  [[nodiscard]] bool failed() const { return image.empty(); }
};

// A file that changed since the scan is planned again; if it does not fit its place any more, the
// reason is kChanged. Never throws for what is wrong with the file. Thread-safe.
PreparedImage prepare_image(const std::filesystem::path& folder, const PlannedRecord& record,
                            const data::SourceSettings& settings, const std::string& dataset_id);

// How often a decoder did something a person may want to know: "alpha", "cmyk", "turned", …
using DecodeNotes = std::map<std::string, int64_t>;
void count_notes(const data::ImageFacts& facts, DecodeNotes& notes);
// "3 images were turned as their EXIF orientation says"
std::string describe_note(const std::string& note, int64_t count);

}  // namespace omnigen::cache
