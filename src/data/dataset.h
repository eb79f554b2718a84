// A data set that is encoded already: records of latents, captions and token ids, in a fixed order.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace omnigen::data {

// What is known of a record without reading its latent.
struct RecordMeta {
  std::string path;          // relative to the data set's folder, '/' separated
  std::string bucket;        // aspect text, e.g. "1.0"
  int64_t target_width = 0;  // pixels
  int64_t target_height = 0;
  int64_t num_captions = 1;
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
  [[nodiscard]] virtual std::string caption(int64_t record, int64_t variant) const = 0;
  // Ids of the whole templated prompt.
  [[nodiscard]] virtual std::vector<int64_t> token_ids(int64_t record, int64_t variant) const = 0;
  // Identifies content and order; equal on every rank or the run does not start.
  [[nodiscard]] virtual std::string fingerprint() const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

}  // namespace omnigen::data
