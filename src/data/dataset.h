// A data set that is encoded already: records of latents, captions and token ids, in a fixed order.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/crop_settings.h"

namespace omnigen::data {

// How a source image became a record's pixels: resized, then cut out at (left, top).
struct RecordCrop {
  PixelSize source;  // upright
  PixelSize resized;
  int64_t left = 0;
  int64_t top = 0;
};

// What is known of a record without reading its latent.
struct RecordMeta {
  std::string path;          // relative to the data set's folder, '/' separated
  std::string bucket;        // aspect text, e.g. "1.0"
  int64_t target_width = 0;  // pixels
  int64_t target_height = 0;
  int64_t num_captions = 1;
  RecordCrop crop = {};
};

// What one draw of a record gives.
struct DrawnRecord {
  int64_t record = 0;  // another one where the file of the record asked for cannot be used
  at::Tensor latent_CHW;
  RecordCrop crop;
};

class Dataset {
 public:
  Dataset() = default;
  virtual ~Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  [[nodiscard]] virtual const std::string& id() const = 0;
  // Records are sorted by relative path (byte order). Thread-safe, like everything below.
  [[nodiscard]] virtual int64_t size() const = 0;
  [[nodiscard]] virtual const RecordMeta& meta(int64_t record) const = 0;
  // Scaled latent [C, h, w] in float32. Errors: DataError on a checksum mismatch, naming the
  // record.
  [[nodiscard]] virtual at::Tensor latent(int64_t record) const = 0;
  // Whether latent() only has to read it.
  [[nodiscard]] virtual bool has_latent(int64_t record) const {
    static_cast<void>(record);
    return true;
  }
  // The latent that a training draw of this epoch (from 0) sees. Errors: those of latent().
  [[nodiscard]] virtual DrawnRecord draw(int64_t record, uint64_t epoch) const {
    static_cast<void>(epoch);
    return {record, latent(record), meta(record).crop};
  }
  [[nodiscard]] virtual std::string caption(int64_t record, int64_t variant) const = 0;
  // Ids of the whole templated prompt.
  [[nodiscard]] virtual std::vector<int64_t> token_ids(int64_t record, int64_t variant) const = 0;
  // Identifies content and order; equal on every rank or the run does not start.
  [[nodiscard]] virtual std::string fingerprint() const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

}  // namespace omnigen::data
