// Image files -> upright 8-bit RGB. libvips does the file formats; what it would do differently
// from the data set's rules (16 bits, CMYK, alpha, orientation) is done here. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/image.h"
#include "data/image_format.h"
#include "data/pixel_convert.h"
#include "util/error.h"

namespace omnigen::data {

enum class ImageProblem {
  kEmptyFile,    // E16
  kUnreadable,   // E17: permission, I/O
  kNotAnImage,   // E18: unknown content
  kUnsupported,  // E18: samples that are neither 8 nor 16 bit
  kTruncated,    // E19: data is missing
  kCorrupt,      // E19: data is damaged
  kTooLarge,     // E21
};
std::string image_problem_name(ImageProblem problem);  // "empty_file", "truncated", …

class ImageError : public util::DataError {
 public:
  ImageError(ImageProblem problem, const std::string& message)
      : util::DataError(message), problem_(problem) {}
  [[nodiscard]] ImageProblem problem() const { return problem_; }

 private:
  ImageProblem problem_;
};

struct DecodeOptions {
  bool apply_orientation = true;  // of EXIF
  AlphaMode alpha = AlphaMode::kWhite;
  bool accept_truncated = false;  // missing parts stay as the decoder leaves them (mid-gray, black)
  int64_t max_pixels = 178'956'970;
  int64_t max_edge = 65'500;
};

// What is known of an image beside its pixels.
struct ImageFacts {
  ImageFormat format = ImageFormat::kJpeg;
  PixelSize stored;
  PixelSize size;  // upright: what everything else measures
  int orientation = 1;
  bool gray = false;
  bool alpha = false;
  bool sixteen_bit = false;
  bool cmyk = false;
  bool animated = false;     // the first frame is taken
  bool icc_profile = false;  // ignored
  bool truncated = false;    // accepted all the same
};

struct DecodedImage {
  Image image;
  ImageFacts facts;
};

// `name` is for messages. Errors: ImageError. Nothing larger than the limits is ever allocated.
DecodedImage decode_image(std::string_view bytes, const std::string& name,
                          const DecodeOptions& options = {});
DecodedImage decode_image_file(const std::filesystem::path& path,
                               const DecodeOptions& options = {});

// Reads no more than the header. A truncated image is not noticed. Errors: ImageError.
ImageFacts probe_image(std::string_view bytes, const std::string& name,
                       const DecodeOptions& options = {});
ImageFacts probe_image_file(const std::filesystem::path& path, const DecodeOptions& options = {});

// A whole file. Errors: ImageError (kUnreadable, kEmptyFile).
std::string read_image_file(const std::filesystem::path& path);

}  // namespace omnigen::data
