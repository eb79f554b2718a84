#include "data/image_decode.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "data/vips_library.h"

namespace omnigen::data {
namespace {

using vips::VImage;
using vips::VOption;
using vips::VSource;

constexpr size_t kSniffBytes = 64;

// Notes of libjpeg on files that are complete all the same.
constexpr std::array<std::string_view, 4> kHarmlessNotes = {
    "extraneous bytes before marker", "Adobe", "JFIF", "Inconsistent progression"};

bool is_harmless(const std::string& note) {
  return std::any_of(kHarmlessNotes.begin(), kHarmlessNotes.end(), [&](std::string_view harmless) {
    return note.find(harmless) != std::string::npos;
  });
}

[[noreturn]] void fail(ImageProblem problem, const std::string& name, const std::string& what) {
  throw ImageError(problem,
                   fmt::format("image {}: {} ({})", name, what, image_problem_name(problem)));
}

// A file, or bytes in memory, which outlive every use.
class Input {
 public:
  Input(std::string_view bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {}
  // Only the start of the file is in `head`.
  Input(std::string_view head, const std::filesystem::path& path)
      : bytes_(head), name_(path.string()), path_(path) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  // Of a file, its start only.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] std::string whole() const {
    return path_ ? read_image_file(*path_) : std::string(bytes_);
  }

  [[nodiscard]] VImage open(ImageFormat format, VipsFailOn fail_on) const {
    VOption* options = VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL);
    if (format == ImageFormat::kBmp) return open_bmp(options);
    options->set("fail_on", fail_on);
    const VSource source = path_ ? VSource::new_from_file(path_->c_str())
                                 : VSource::new_from_memory(bytes_.data(), bytes_.size());
    switch (format) {
      case ImageFormat::kJpeg:
        return VImage::jpegload_source(source, options);
      case ImageFormat::kPng:
        return VImage::pngload_source(source, options);
      case ImageFormat::kWebp:
        return VImage::webpload_source(source, options);
      case ImageFormat::kGif:
        return VImage::gifload_source(source, options);
      case ImageFormat::kTiff:
        return VImage::tiffload_source(source, options);
      default:
        return VImage::ppmload_source(source, options);
    }
  }

 private:
  VImage open_bmp(VOption* options) const {
    const std::unique_ptr<VipsBlob, void (*)(VipsBlob*)> blob(
        vips_blob_new(nullptr, bytes_.data(), bytes_.size()),
        [](VipsBlob* owned) { vips_area_unref(VIPS_AREA(owned)); });
    return VImage::magickload_buffer(blob.get(), options);
  }

  std::string_view bytes_;
  std::string name_;
  std::optional<std::filesystem::path> path_;
};

void check_size(PixelSize size, const std::string& name, const DecodeOptions& options) {
  if (size.width <= 0 || size.height <= 0) {
    fail(ImageProblem::kCorrupt, name, fmt::format("size {}x{}", size.width, size.height));
  }
  if (std::max(size.width, size.height) > options.max_edge ||
      size.width > options.max_pixels / size.height) {
    fail(ImageProblem::kTooLarge, name,
         fmt::format("{}x{} px; the limit is {} px and {} px an edge", size.width, size.height,
                     options.max_pixels, options.max_edge));
  }
}

ImageFormat format_of(const Input& input) {
  const std::string_view bytes = input.bytes();
  if (bytes.empty()) fail(ImageProblem::kEmptyFile, input.name(), "0 bytes");
  const std::optional<ImageFormat> format = sniff_format(bytes);
  if (!format) {
    fail(ImageProblem::kNotAnImage, input.name(),
         fmt::format("begins with {}, which no supported format does", magic_text(bytes)));
  }
  return *format;
}

bool has_field(const VImage& image, const char* field) {
  return vips_image_get_typeof(image.get_image(), field) != 0;
}

ImageFacts facts_of(const VImage& image, ImageFormat format, const DecodeOptions& options) {
  ImageFacts facts;
  facts.format = format;
  facts.stored = {image.width(), image.height()};
  facts.orientation = options.apply_orientation
                          ? std::clamp(vips_image_get_orientation(image.get_image()), 1, 8)
                          : 1;
  facts.size = oriented_size(facts.stored, facts.orientation);
  facts.cmyk = image.interpretation() == VIPS_INTERPRETATION_CMYK && image.bands() >= 4;
  facts.gray = image.bands() <= 2;
  facts.alpha = facts.cmyk ? image.bands() == 5 : image.bands() == 2 || image.bands() == 4;
  facts.sixteen_bit = image.format() == VIPS_FORMAT_USHORT;
  facts.animated = vips_image_get_n_pages(image.get_image()) > 1;
  facts.icc_profile = has_field(image, VIPS_META_ICC_NAME);
  return facts;
}

void check_samples(const VImage& image, const ImageFacts& facts, const std::string& name) {
  const VipsInterpretation kind = image.interpretation();
  const bool known_kind = kind == VIPS_INTERPRETATION_sRGB || kind == VIPS_INTERPRETATION_RGB ||
                          kind == VIPS_INTERPRETATION_RGB16 || kind == VIPS_INTERPRETATION_B_W ||
                          kind == VIPS_INTERPRETATION_GREY16 ||
                          kind == VIPS_INTERPRETATION_MULTIBAND || facts.cmyk;
  const bool known_format = facts.sixteen_bit || image.format() == VIPS_FORMAT_UCHAR;
  const int most_bands = facts.cmyk ? 5 : 4;
  if (known_kind && known_format && image.bands() >= 1 && image.bands() <= most_bands) return;
  fail(ImageProblem::kUnsupported, name,
       fmt::format("{} bands of {}, {}; 8- or 16-bit gray, RGB or CMYK is needed", image.bands(),
                   vips_enum_nick(VIPS_TYPE_BAND_FORMAT, image.format()),
                   vips_enum_nick(VIPS_TYPE_INTERPRETATION, kind)));
}

// libvips fails for want of data or for damage; the file's end and the decoder's words tell which.
ImageProblem problem_of(ImageFormat format, std::string_view bytes, const std::string& note) {
  std::string lower = note;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool ended_early = lower.find("premature end") != std::string::npos ||
                           lower.find("end of file") != std::string::npos ||
                           lower.find("file has been truncated") != std::string::npos;
  return ended_early || is_cut_short(format, bytes) ? ImageProblem::kTruncated
                                                    : ImageProblem::kCorrupt;
}

struct FreeVipsMemory {
  void operator()(void* memory) const { g_free(memory); }
};

DecodedImage decode_at(const Input& input, ImageFormat format, VipsFailOn fail_on,
                       const DecodeOptions& options) {
  return run_vips([&] {
    const VImage image = input.open(format, fail_on);
    DecodedImage decoded;
    decoded.facts = facts_of(image, format, options);
    check_size(decoded.facts.stored, input.name(), options);
    check_samples(image, decoded.facts, input.name());
    size_t num_bytes = 0;
    const std::unique_ptr<void, FreeVipsMemory> memory(image.write_to_memory(&num_bytes));
    const RawPixels raw{
        image.width(), image.height(), image.bands(), decoded.facts.cmyk, decoded.facts.sixteen_bit,
        memory.get()};
    decoded.image = oriented(to_rgb(raw, options.alpha), decoded.facts.orientation);
    return decoded;
  });
}

DecodedImage decode_checked(const Input& input, ImageFormat format, const DecodeOptions& options) {
  // Only as a warning does libjpeg say that data is missing before an end marker.
  const VipsFailOn strictest =
      format == ImageFormat::kJpeg ? VIPS_FAIL_ON_WARNING : VIPS_FAIL_ON_ERROR;
  try {
    return decode_at(input, format, strictest, options);
  } catch (const VipsError& error) {
    const std::string note = error.what();
    if (format == ImageFormat::kJpeg && is_harmless(note)) {
      return decode_at(input, format, VIPS_FAIL_ON_ERROR, options);
    }
    if (!options.accept_truncated) throw;
    DecodedImage decoded = decode_at(input, format, VIPS_FAIL_ON_NONE, options);
    decoded.facts.truncated = true;
    return decoded;
  }
}

void check_bmp_header(ImageFormat format, const Input& input, const DecodeOptions& options) {
  if (format != ImageFormat::kBmp) return;
  const std::optional<PixelSize> size = bmp_size(input.bytes());
  if (!size) fail(ImageProblem::kTruncated, input.name(), "no complete BMP header");
  check_size(*size, input.name(), options);
}

[[noreturn]] void fail_decoding(const Input& input, ImageFormat format, const VipsError& error) {
  const std::string note = error.what();
  const std::string bytes = input.whole();
  fail(problem_of(format, bytes, note), input.name(),
       fmt::format("{} of {} bytes: {}", image_format_name(format), bytes.size(),
                   note.substr(0, note.find('\n'))));
}

ImageFacts probe(const Input& input, const DecodeOptions& options) {
  const ImageFormat format = format_of(input);
  check_bmp_header(format, input, options);
  try {
    const ImageFacts facts =
        run_vips([&] { return facts_of(input.open(format, VIPS_FAIL_ON_ERROR), format, options); });
    check_size(facts.stored, input.name(), options);
    return facts;
  } catch (const VipsError& error) {
    fail_decoding(input, format, error);
  }
}

[[noreturn]] void fail_with_errno(const std::filesystem::path& path, const char* what) {
  const int number = errno;
  fail(ImageProblem::kUnreadable, path.string(),
       fmt::format("{}: {}", what, std::strerror(number)));
}

// At most `limit` bytes from the start.
std::string read_start(const std::filesystem::path& path, size_t limit) {
  struct Descriptor {
    int number;
    ~Descriptor() {
      if (number >= 0) ::close(number);
    }
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) fail_with_errno(path, "cannot be opened");
  struct stat status {};
  if (::fstat(file.number, &status) != 0) fail_with_errno(path, "cannot be examined");
  std::string bytes(std::min(static_cast<size_t>(status.st_size), limit), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::read(file.number, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_with_errno(path, "cannot be read");
    if (count == 0) break;  // shortened while being read
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  if (bytes.empty()) fail(ImageProblem::kEmptyFile, path.string(), "0 bytes");
  return bytes;
}

}  // namespace

std::string image_problem_name(ImageProblem problem) {
  constexpr std::array<const char*, 7> kNames = {"empty_file",  "unreadable", "not_an_image",
                                                 "unsupported", "truncated",  "corrupt",
                                                 "too_large"};
  return kNames[static_cast<size_t>(problem)];
}

DecodedImage decode_image(std::string_view bytes, const std::string& name,
                          const DecodeOptions& options) {
  const Input input(bytes, name);
  const ImageFormat format = format_of(input);
  check_bmp_header(format, input, options);
  try {
    return decode_checked(input, format, options);
  } catch (const VipsError& error) {
    fail_decoding(input, format, error);
  }
}

DecodedImage decode_image_file(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(read_image_file(path), path.string(), options);
}

ImageFacts probe_image(std::string_view bytes, const std::string& name,
                       const DecodeOptions& options) {
  return probe(Input(bytes, name), options);
}

ImageFacts probe_image_file(const std::filesystem::path& path, const DecodeOptions& options) {
  const std::string head = read_start(path, kSniffBytes);
  // ImageMagick, which reads BMP, takes memory only.
  if (sniff_format(head) == ImageFormat::kBmp) {
    return probe_image(read_image_file(path), path.string(), options);
  }
  return probe(Input(head, path), options);
}

std::string read_image_file(const std::filesystem::path& path) {
  return read_start(path, SIZE_MAX);
}

}  // namespace omnigen::data
