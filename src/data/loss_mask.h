// Masks over the loss: which parts of an image are learnt from.
//
// Source: bghira/SimpleTuner, simpletuner/helpers/models/common.py (the masked loss); OneTrainer's
// unmasked_weight. White is learnt, black is not.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image_decode.h"
#include "data/resample.h"

namespace omnigen::data {

enum class MaskKind {
  kSoft,          // conditioning_type mask: the first channel, 0 to 1
  kSegmentation,  // conditioning_type segmentation: 1 wherever anything is not black
};

// Factors of the squared error, from a picture of the size that was encoded: averaged over the
// pixels of each latent. Shapes: float32 [height, width].
at::Tensor mask_weights(const Image& picture, MaskKind kind, int64_t height, int64_t width);

struct MaskSettings {
  std::string id;  // of the mask's data set
  std::filesystem::path folder;
  MaskKind kind = MaskKind::kSoft;
  DecodeOptions decode;
  ResampleFilter filter = ResampleFilter::kLanczosAa;
};

// The masks of a data set: files of the same relative path, or of the same base name in the folder
// itself, or of the same path but for the suffix. Thread-safe.
class MaskSet {
 public:
  // Reads the headers of the masks. Errors: DataError listing images without a mask (M45), with
  // several, or with one of another shape.
  MaskSet(MaskSettings settings, DatasetPtr dataset);

  // Cut like the image, whose latent has this size. Shapes: float32 [height, width].
  // Errors: ImageError of the mask's file.
  [[nodiscard]] at::Tensor weights(int64_t record, const RecordCrop& crop, int64_t height,
                                   int64_t width) const;
  [[nodiscard]] const std::string& id() const { return settings_.id; }
  [[nodiscard]] int64_t size() const { return std::ssize(files_); }
  // Changes with any of the masks' names, sizes and times.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

 private:
  MaskSettings settings_;
  DatasetPtr dataset_;
  std::vector<std::string> files_;  // by record, relative to the folder
  std::string fingerprint_;
};

}  // namespace omnigen::data
