#include "data/image_encode.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <memory>

#include "data/vips_library.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

using vips::VImage;

constexpr int kChannels = 3;
constexpr int kCompression = 6;
constexpr size_t kLongestKey = 79;  // of the PNG format
constexpr std::string_view kCommentPrefix = "png-comment-";

using Blob = std::unique_ptr<VipsBlob, void (*)(VipsBlob*)>;

void check_key(const std::string& key) {
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (printable && !key.empty() && key.size() <= kLongestKey) return;
  throw util::DataError(
      fmt::format("PNG text key '{}' of {} bytes: 1 to {} printable ASCII characters are needed",
                  key, key.size(), kLongestKey));
}

VImage pixels_of(const Image& image) {
  return VImage::new_from_memory(const_cast<uint8_t*>(image.pixels.data()),  // read only
                                 image.pixels.size(), static_cast<int>(image.width),
                                 static_cast<int>(image.height), kChannels, VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
}

VImage with_text(VImage pixels, const std::map<std::string, std::string>& text) {
  int number = 0;
  for (const auto& [key, value] : text) {
    pixels.set(fmt::format("{}{}-{}", kCommentPrefix, number++, key).c_str(), value.c_str());
  }
  return pixels;
}

// `save` gives the blob that libvips has written.
template <class Save>
std::string encode(const Image& image, const char* format, const Save& save) {
  TORCH_CHECK(image.width > 0 && image.height > 0 &&
                  std::ssize(image.pixels) == image.width * image.height * kChannels,
              "encode ", format, ": ", image.width, "x", image.height, " image of ",
              image.pixels.size(), " bytes");
  try {
    return run_vips([&] {
      const Blob blob(save(pixels_of(image)),
                      [](VipsBlob* owned) { vips_area_unref(VIPS_AREA(owned)); });
      size_t num_bytes = 0;
      const void* bytes = vips_blob_get(blob.get(), &num_bytes);
      return std::string(static_cast<const char*>(bytes), num_bytes);
    });
  } catch (const VipsError& error) {
    throw util::DataError(fmt::format("a {}x{} image cannot be encoded as {}: {}", image.width,
                                      image.height, format, error.what()));
  }
}

}  // namespace

std::string encode_png(const Image& image, const std::map<std::string, std::string>& text) {
  for (const auto& [key, value] : text) check_key(key);
  return encode(image, "PNG", [&](const VImage& pixels) {
    return with_text(pixels, text)
        .pngsave_buffer(VImage::option()->set("compression", kCompression));
  });
}

std::string encode_image(const Image& image, const std::string& format, int64_t quality,
                         const std::map<std::string, std::string>& text) {
  if (format == "png") return encode_png(image, text);
  const auto with_quality = [&] { return VImage::option()->set("Q", static_cast<int>(quality)); };
  if (format == "jpeg") {
    return encode(image, "JPEG",
                  [&](const VImage& pixels) { return pixels.jpegsave_buffer(with_quality()); });
  }
  if (format == "webp") {
    return encode(image, "WebP",
                  [&](const VImage& pixels) { return pixels.webpsave_buffer(with_quality()); });
  }
  throw util::ConfigError(
      fmt::format("image format \"{}\" is unknown; write png, jpeg or webp", format));
}

std::string image_extension(const std::string& format) {
  return format == "jpeg" ? ".jpg" : "." + format;
}

std::map<std::string, std::string> read_png_text(std::string_view png) {
  try {
    return run_vips([&] {
      const VImage image =
          VImage::pngload_source(vips::VSource::new_from_memory(png.data(), png.size()));
      std::map<std::string, std::string> text;
      const std::unique_ptr<char*, void (*)(char**)> fields(
          vips_image_get_fields(image.get_image()), g_strfreev);
      for (char** field = fields.get(); *field != nullptr; ++field) {
        const std::string_view name = *field;
        if (!name.starts_with(kCommentPrefix)) continue;
        const size_t dash = name.find('-', kCommentPrefix.size());  // after the number
        if (dash != std::string_view::npos) {
          text.emplace(name.substr(dash + 1), image.get_string(*field));
        }
      }
      return text;
    });
  } catch (const VipsError& error) {
    throw util::DataError(
        fmt::format("PNG of {} bytes cannot be read: {}", png.size(), error.what()));
  }
}

}  // namespace omnigen::data
