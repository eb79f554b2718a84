#include "data/image_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

namespace omnigen::data {
namespace {

using namespace std::string_view_literals;

constexpr size_t kShownMagicBytes = 8;
constexpr uint32_t kBmpCoreHeaderBytes = 12;

struct Signature {
  std::string_view bytes;
  ImageFormat format;
};

constexpr std::array<Signature, 8> kSignatures = {{{"\xff\xd8\xff"sv, ImageFormat::kJpeg},
                                                   {"\x89PNG\r\n\x1a\n"sv, ImageFormat::kPng},
                                                   {"BM"sv, ImageFormat::kBmp},
                                                   {"GIF87a"sv, ImageFormat::kGif},
                                                   {"GIF89a"sv, ImageFormat::kGif},
                                                   {"II*\0"sv, ImageFormat::kTiff},
                                                   {"MM\0*"sv, ImageFormat::kTiff},
                                                   {"II+\0"sv, ImageFormat::kTiff}}};

uint32_t little_endian(std::string_view bytes, size_t offset, size_t num_bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < num_bytes; ++i) {
    value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[offset + i])) << (8 * i);
  }
  return value;
}

bool is_pnm(std::string_view bytes) {
  return bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
         " \t\r\n#"sv.find(bytes[2]) != std::string_view::npos;
}

}  // namespace

std::string image_format_name(ImageFormat format) {
  constexpr std::array<const char*, 7> kNames = {"jpeg", "png",  "webp", "bmp",
                                                 "gif",  "tiff", "pnm"};
  return kNames[static_cast<size_t>(format)];
}

std::optional<ImageFormat> sniff_format(std::string_view bytes) {
  for (const Signature& signature : kSignatures) {
    if (bytes.starts_with(signature.bytes)) return signature.format;
  }
  if (bytes.starts_with("RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv) {
    return ImageFormat::kWebp;
  }
  if (is_pnm(bytes)) return ImageFormat::kPnm;
  return std::nullopt;
}

std::optional<PixelSize> bmp_size(std::string_view bytes) {
  if (bytes.size() < 26) return std::nullopt;
  if (little_endian(bytes, 14, 4) == kBmpCoreHeaderBytes) {
    return PixelSize{little_endian(bytes, 18, 2), little_endian(bytes, 20, 2)};
  }
  // Signed; a negative height means that the rows run downwards.
  const auto width = static_cast<int32_t>(little_endian(bytes, 18, 4));
  const auto height = static_cast<int32_t>(little_endian(bytes, 22, 4));
  return PixelSize{width, std::abs(static_cast<int64_t>(height))};
}

bool is_cut_short(ImageFormat format, std::string_view bytes) {
  switch (format) {
    case ImageFormat::kJpeg:
      return bytes.rfind("\xff\xd9"sv) == std::string_view::npos;
    case ImageFormat::kPng:
      return bytes.rfind("IEND"sv) == std::string_view::npos;
    case ImageFormat::kWebp:
      return bytes.size() < 8 || bytes.size() < little_endian(bytes, 4, 4) + uint64_t{8};
    case ImageFormat::kBmp:
      return bytes.size() < 6 || bytes.size() < little_endian(bytes, 2, 4);
    case ImageFormat::kGif:
      return bytes.find_last_not_of('\0') == std::string_view::npos ||
             bytes[bytes.find_last_not_of('\0')] != ';';
    default:
      return false;  // no end that could be told
  }
}

std::string magic_text(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes.substr(0, kShownMagicBytes)) {
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<uint8_t>(byte));
  }
  return text;
}

}  // namespace omnigen::data
